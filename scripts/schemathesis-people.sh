#!/usr/bin/env bash
# Runs schemathesis, with all its checks, against a people service that runs and serves its document:
# scripts/schemathesis-people.sh ADDRESS [OPTION...], such as --max-time 60.
set -euo pipefail
cd "$(dirname "$0")/.."
schemathesis=$(scripts/schemathesis-install.sh)
address=$1
shift
exec "$schemathesis" --config-file scripts/schemathesis-people.toml run "http://$address/openapi.json" \
    --checks all --continue-on-failure --no-color "$@"
