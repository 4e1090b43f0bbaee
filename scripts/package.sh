#!/usr/bin/env bash
# Checks what of the library would be published; with --build also that it builds from that alone, which takes a minute.
set -euo pipefail
cd "$(dirname "$0")/.."
crate=crates/connexion

fail() {
    echo "$crate: $1" >&2
    exit 1
}

cmp -s LICENSE "$crate/LICENSE" || fail "LICENSE is not the one of the repository"

# The policy of docs/versions.md: at least two releases behind.
minor() { sed -n 's/^[^0-9]*1\.\([0-9]*\).*/\1/p'; }
oldest=$(grep '^rust-version' "$crate/Cargo.toml" | minor)
newest=$(rustc --version | minor)
[ "$oldest" -le $((newest - 2)) ] || fail "rust-version is 1.$oldest, too new beside rustc 1.$newest"
for text in README.md CHANGELOG.md; do
    grep -q "Rust 1\.$oldest" "$crate/$text" || fail "$text does not say Rust 1.$oldest"
done

files=$(cargo package -p connexion --list --locked --allow-dirty)
allowed='^(\.cargo_vcs_info\.json|Cargo\.(lock|toml|toml\.orig)|build\.rs|(CHANGELOG|README)\.md|LICENSE|docs/.*\.(md|yaml)|src/.*\.rs|examples/(echo|hello|todo)\.(rs|yaml))$'
! grep -Ev "$allowed" <<<"$files" || fail "cargo package takes the files above"
for file in LICENSE CHANGELOG.md README.md build.rs docs/first-api.md docs/examples/hello.yaml examples/todo.yaml src/lib.rs; do
    grep -qx "$file" <<<"$files" || fail "cargo package leaves out $file"
done

if [ "${1:-}" = --build ]; then
    cargo package -p connexion --locked --allow-dirty --all-features
fi
