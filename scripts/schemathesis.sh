#!/usr/bin/env bash
# Runs schemathesis against examples/echo.rs, which serves the document that uses everything, in 3.1 and 3.0:
# scripts/schemathesis.sh [SECONDS for each version]. What it is told not to find fault with, and why, is written in
# scripts/schemathesis.toml.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-120}
port=3917

target=${CARGO_TARGET_DIR:-target}
schemathesis=$(scripts/schemathesis-install.sh)

failed=0
cargo build -p connexion --example echo --locked
for version in openapi openapi30; do
    document=crates/connexion/tests/fixtures/everything/$version.yaml
    "$target/debug/examples/echo" "$document" --port "$port" >/dev/null &
    server=$!
    trap 'kill "$server"' EXIT
    "$schemathesis" --config-file scripts/schemathesis.toml run "$document" --url "http://127.0.0.1:$port" \
        --wait-for-schema 10 --max-time "$seconds" --continue-on-failure --no-color || failed=1
    kill "$server"
    wait "$server" || true
    trap - EXIT
done
exit "$failed"
