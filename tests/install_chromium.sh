#!/usr/bin/env bash
# Install a headless Chromium, which the tests of the report page open: by apt as root, else
# unpacked from Debian's packages into .tools (no root).
set -euo pipefail
cd "$(dirname "$0")/.."

package=chromium-headless-shell
manual="install a Chromium yourself: sudo apt-get install $package (or chromium)"
command -v apt-get >/dev/null || { echo "no apt-get here; $manual"; exit 2; }
options=(-y -qq --no-install-recommends)

if [ "$(id -u)" = 0 ]; then
    echo "Installing Chromium (apt-get install $package) ..."
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq && apt-get install "${options[@]}" "$package" >/dev/null || { echo "$manual"; exit 2; }
    exit
fi

echo "Unpacking Chromium into .tools (not root; for the whole machine: sudo apt-get install $package) ..."
tools=$PWD/.tools
mkdir -p "$tools"/{state/lists/partial,chromium-cache/archives/partial,bin}
touch "$tools/state/status"
apt=(apt-get -o "Dir::State=$tools/state" -o "Dir::State::status=/var/lib/dpkg/status"
     -o "Dir::Cache=$tools/chromium-cache" -o "APT::Sandbox::User=$(id -un)" -o Debug::NoLocking=1)
"${apt[@]}" -qq update || { echo "apt-get update failed; $manual"; exit 2; }
"${apt[@]}" "${options[@]}" --download-only install "$package" >/dev/null || { echo "download failed; $manual"; exit 2; }
for archive in "$tools"/chromium-cache/archives/*.deb; do dpkg -x "$archive" "$tools/chromium"; done
libraries=$(find "$tools/chromium" -name '*.so*' -printf '%h\n' | sort -u | paste -sd:)
printf '#!/bin/sh\nLD_LIBRARY_PATH=%s exec %s "$@"\n' "$libraries" \
    "$tools/chromium/usr/lib/chromium/chromium-headless-shell" >"$tools/bin/chromium-headless-shell"
chmod +x "$tools/bin/chromium-headless-shell"
