#!/usr/bin/env bash
# Installs Debian packages: scripts/apt-install.sh PACKAGE...
set -euo pipefail

if ! command -v apt-get >/dev/null; then
    echo "please install these yourself, this is not Debian: $*" >&2
    exit 1
fi

as_root=()
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
        echo "please install these as root: $*" >&2
        exit 1
    fi
    as_root=(sudo)
fi

# Package lists may be missing (images ship without) or too old (the version they name is gone), so a first
# failure only means that they have to be fetched.
install=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@")
"${install[@]}" || { "${as_root[@]}" apt-get update -q && "${install[@]}"; }
