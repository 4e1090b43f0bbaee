#!/usr/bin/env bash
# Fuzzes the library: scripts/fuzz.sh SECONDS [TARGET...] gives each target that long, 1 GiB of memory in all and
# 10 seconds for one input. What breaks is written below target/fuzz/TARGET; each becomes a test of its own.
# cargo-fuzz is not needed: the coverage it asks for is an option of the stable compiler.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=$1
shift
targets=("$@")
[ "${#targets[@]}" -gt 0 ] || targets=(document request parameter)

# libFuzzer comes as source, in C++.
command -v c++ >/dev/null || scripts/apt-install.sh g++ libc6-dev

directory=$(realpath -m "${CARGO_TARGET_DIR:-target}")/fuzz
host=$(rustc -vV | sed -n 's/^host: //p')
flags=(-Cpasses=sancov-module --cfg fuzzing)
for flag in level=4 inline-8bit-counters pc-table trace-compares; do
    flags+=("-Cllvm-args=-sanitizer-coverage-$flag")
done
# With --target the flags don't reach build scripts, which could not be linked with them.
RUSTFLAGS="${flags[*]}" CARGO_TARGET_DIR="$directory" cargo build --release --locked --target "$host" \
    --manifest-path crates/connexion/fuzz/Cargo.toml

crate=crates/connexion
for target in "${targets[@]}"; do
    # A test that fails leaves its input here; what the fuzzer learns is kept for the next run.
    mkdir -p "$directory/$target/corpus"
    seeds=("$crate/fuzz/seeds/$target")
    [ "$target" != document ] || seeds+=("$crate/tests/fixtures" "$crate/tests/data")
    echo "fuzz: $target for $seconds seconds"
    "$directory/$host/release/$target" "$directory/$target/corpus" "${seeds[@]}" \
        -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 -max_len=65536 -dict="$crate/fuzz/words.dict" \
        -artifact_prefix="$directory/$target/" -print_final_stats=1 -verbosity=1
done
