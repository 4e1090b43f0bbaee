#!/usr/bin/env bash
# Builds the service as a static program, which runs where there is nothing else: scripts/static.sh [CARGO'S OPTIONS...].
# It is target/TRIPLE/release/connexion-app; with the target named, macros and build scripts are not built static.
set -euo pipefail
cd "$(dirname "$0")/.."

flags=(-Ctarget-feature=+crt-static '-Clink-arg=-Wl,-z,pack-relative-relocs')
RUSTFLAGS="${flags[*]}" exec cargo build --release --locked -p connexion-app --bin connexion-app \
    --target "$(rustc --print host-tuple)" "$@"
