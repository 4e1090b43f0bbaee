#!/usr/bin/env bash
# Installs schemathesis below the target directory, if it is missing, and prints where its program is.
set -euo pipefail
cd "$(dirname "$0")/.."
tools=${CARGO_TARGET_DIR:-target}/tools-schemathesis
if [ ! -x "$tools/bin/schemathesis" ]; then
    python3 -m venv "$tools"
    "$tools/bin/pip" install --quiet --disable-pip-version-check --requirement scripts/schemathesis-tools.txt >&2
fi
echo "$tools/bin/schemathesis"
