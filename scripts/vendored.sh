#!/usr/bin/env bash
# Compares the files that are taken from npm with those of the registry: scripts/vendored.sh
# Takes them anew, in the versions that scripts/vendored.txt names: scripts/vendored.sh update
set -euo pipefail
cd "$(dirname "$0")/.."

command -v npm >/dev/null || scripts/apt-install.sh npm
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

differ=0
while read -r package version file here; do
    at="$work/$package-$version"
    if [ ! -d "$at" ]; then
        mkdir "$at"
        archive=$(cd "$work" && npm pack --silent "$package@$version")
        tar -xzf "$work/$archive" -C "$at" --strip-components=1
    fi
    if [ "${1:-}" = update ]; then
        cp "$at/$file" "$here"
        chmod 644 "$here"
    elif cmp "$at/$file" "$here"; then
        echo "$here is $package $version"
    else
        differ=1
    fi
done < <(grep -v '^#' scripts/vendored.txt)
exit "$differ"
