#!/usr/bin/env bash
# Prints the PATH on which openapi-generator-cli is, and a Python with what its clients need: this one if they are there;
# otherwise they are installed below the target directory. Java must be there.
set -euo pipefail
cd "$(dirname "$0")/.."
if command -v openapi-generator-cli >/dev/null && python3 -c 'import dateutil, pydantic, urllib3' 2>/dev/null; then
    echo "$PATH"
    exit
fi
tools=$(scripts/pypi.sh client openapi-generator-cli)
echo "$tools:$PATH"
