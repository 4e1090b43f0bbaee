#!/usr/bin/env bash
# Prints where schemathesis is: the one that is there; otherwise it is installed below the target directory.
set -euo pipefail
cd "$(dirname "$0")/.."
if type -P schemathesis; then exit; fi
tools=${CARGO_TARGET_DIR:-target}/tools-schemathesis
if [ ! -x "$tools/bin/schemathesis" ]; then
    python3 -m venv "$tools"
    "$tools/bin/pip" install --quiet --disable-pip-version-check --requirement scripts/schemathesis-tools.txt >&2
fi
echo "$tools/bin/schemathesis"
