#!/usr/bin/env bash
# Runs schemathesis, with all its checks, against a people service that runs and serves its document:
# scripts/schemathesis-people.sh ADDRESS [SECONDS].
set -euo pipefail
cd "$(dirname "$0")/.."
schemathesis=$(scripts/schemathesis-install.sh)
SCHEMATHESIS_HOOKS=scripts/schemathesis_hooks.py exec "$schemathesis" run "http://$1/openapi.json" \
    --checks all --max-time "${2:-60}" --continue-on-failure --no-color
