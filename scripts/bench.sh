#!/usr/bin/env bash
# The service beside others, under load: scripts/bench.sh [PARTS...]. Without parts it does all and writes
# docs/performance.md. What is measured is the static program, which is what is shipped, or BENCH_PROGRAM.
set -euo pipefail
cd "$(dirname "$0")/.."

command -v wrk >/dev/null || scripts/apt-install.sh wrk
# pgbench, psql and the server's programs.
command -v pgbench >/dev/null || scripts/setup-tests.sh
if [ -z "${BENCH_PROGRAM:-}" ]; then
    scripts/static.sh
    BENCH_PROGRAM=$(realpath "${CARGO_TARGET_DIR:-target}/$(rustc --print host-tuple)/release/connexion-app")
    export BENCH_PROGRAM
fi
exec cargo bench -p connexion-app --bench service --locked -- "$@"
