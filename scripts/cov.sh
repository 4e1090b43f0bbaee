#!/usr/bin/env bash
# Line coverage: scripts/cov.sh PERCENT fails if less than that is covered. The report is target/coverage.xml, too, in
# Cobertura's form.
# Takes the coverage tools that are there; installs the ones that are not, below target/ or from Debian.
set -euo pipefail
cd "$(dirname "$0")/.."
least=$1

# llvm-cov must be of the major version that rustc was built with: an older one can't read its profiles.
sysroot=$(rustc --print sysroot)
major=$(rustc -vV | sed -n 's/^LLVM version: \([0-9]*\).*/\1/p')
if [ -n "$(compgen -G "$sysroot/lib/rustlib/*/bin/llvm-cov" || true)" ]; then
    : # rustup's component llvm-tools; cargo-llvm-cov finds it by itself
else
    command -v "llvm-cov-$major" >/dev/null || scripts/apt-install.sh "llvm-$major"
    export LLVM_COV="llvm-cov-$major" LLVM_PROFDATA="llvm-profdata-$major"
fi

if ! command -v cargo-llvm-cov >/dev/null; then
    tools=$(scripts/pypi.sh cov cargo-llvm-cov --require-hashes)
    PATH=$tools:$PATH
fi

cargo llvm-cov --workspace --locked --no-report
mkdir -p target
cargo llvm-cov report --cobertura --output-path target/coverage.xml
cargo llvm-cov report --summary-only --fail-under-lines "$least"
