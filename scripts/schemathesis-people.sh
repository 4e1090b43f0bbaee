#!/usr/bin/env bash
# Runs schemathesis, with all its checks, against a people service that runs and serves its document:
# scripts/schemathesis-people.sh ADDRESS [OPTION...], such as --max-time 60.
set -euo pipefail
cd "$(dirname "$0")/.."
schemathesis=$(scripts/schemathesis-install.sh)
address=$1
shift
SCHEMATHESIS_HOOKS=scripts/schemathesis_hooks.py exec "$schemathesis" run "http://$address/openapi.json" \
    --checks all --continue-on-failure --no-color "$@"
