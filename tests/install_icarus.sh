#!/usr/bin/env bash
# Install Icarus Verilog: by apt as root, else unpacked from Debian's package into .tools (no root).
set -euo pipefail
cd "$(dirname "$0")/.."

manual="install Icarus Verilog yourself: sudo apt-get install iverilog"
command -v apt-get >/dev/null || { echo "no apt-get here; $manual"; exit 2; }

if [ "$(id -u)" = 0 ]; then
    echo "Installing Icarus Verilog (apt-get install iverilog) ..."
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq iverilog >/dev/null
    exit
fi

echo "Unpacking Icarus Verilog into .tools (not root; for the whole machine: sudo apt-get install iverilog) ..."
tools=$PWD/.tools
mkdir -p "$tools"/{state/lists/partial,cache/archives/partial,bin}
touch "$tools/state/status"
apt=(apt-get -qq -o "Dir::State=$tools/state" -o "Dir::State::status=/var/lib/dpkg/status"
     -o "Dir::Cache=$tools/cache" -o "APT::Sandbox::User=$(id -un)")
"${apt[@]}" update || { echo "apt-get update failed; $manual"; exit 2; }
(cd "$tools/cache" && "${apt[@]}" download iverilog) || { echo "download failed; $manual"; exit 2; }
dpkg -x "$tools"/cache/iverilog_*.deb "$tools/icarus"
library=$(dirname "$(find "$tools/icarus" -name ivlpp -print -quit)")
printf '#!/bin/sh\nexec %s/icarus/usr/bin/iverilog -B%s "$@"\n' "$tools" "$library" >"$tools/bin/iverilog"
printf '#!/bin/sh\nexec %s/icarus/usr/bin/vvp -M%s "$@"\n' "$tools" "$library" >"$tools/bin/vvp"
chmod +x "$tools"/bin/*
"$tools/bin/iverilog" -V 2>/dev/null | head -n 1
