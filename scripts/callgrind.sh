#!/usr/bin/env bash
# Counts the instructions that each case of crates/connexion/benches/request.rs takes: scripts/callgrind.sh [CASE...].
# Each case runs a few times and many times; the difference has nothing of the start in it.
set -euo pipefail
cd "$(dirname "$0")/.."
few=50
many=350

command -v valgrind >/dev/null || scripts/apt-install.sh valgrind

executable=$(cargo bench -p connexion --bench request --locked --no-run 2>&1 | tee /dev/stderr |
    sed -n 's/.*Executable .*(\(.*\))$/\1/p')

instructions() {
    valgrind --tool=callgrind --callgrind-out-file=/dev/null "$executable" "$@" 2>&1 |
        sed -n 's/.*Collected : //p'
}

cases=("$@")
if [ ${#cases[@]} -eq 0 ]; then mapfile -t cases < <("$executable" --list); fi
for case in "${cases[@]}"; do
    from=$(instructions "$case" "$few")
    to=$(instructions "$case" "$many")
    printf '%-20s %9d instructions\n' "$case" $(((to - from) / (many - few)))
done
