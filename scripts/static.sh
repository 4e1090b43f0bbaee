#!/usr/bin/env bash
# Builds the service as a static program, which runs where there is nothing else: scripts/static.sh [CARGO'S OPTIONS...].
# It is target/TRIPLE/release/connexion-app; with the target named, macros and build scripts are not built static.
set -euo pipefail
cd "$(dirname "$0")/.."
target=$(rustc --print host-tuple)

# The image has to be small. Functions with the same code are linked once, and no panic passes through C, whose tables for
# that are left out.
flags=(-Ctarget-feature=+crt-static '-Clink-arg=-Wl,-z,pack-relative-relocs' '-Clink-arg=-Wl,--icf=all')
export "CFLAGS_${target//-/_}=-fno-asynchronous-unwind-tables"
RUSTFLAGS="${flags[*]}" exec cargo build --release --locked -p connexion-app --bin connexion-app --target "$target" "$@"
