#!/usr/bin/env bash
# Prints where schemathesis is: the one that is there; otherwise it is installed below the target directory.
set -euo pipefail
cd "$(dirname "$0")/.."
if type -P schemathesis; then exit; fi
tools=$(scripts/pypi.sh schemathesis schemathesis)
echo "$tools/schemathesis"
