.PHONY: run build test cov lint package fmt vendored bench bench-library bench-instructions bench-echo fuzz fuzz-smoke schemathesis faults
.PHONY: image push manifests manifests-check deploy delivery

# What the service is measured against is a package of its own, so that its dependencies are nobody else's.
BY_HAND := crates/connexion-app/benches/axum-sqlx/Cargo.toml

# The service, from .env or the environment.
run:
	cargo run --locked

# Everything, to see whether it compiles.
build:
	cargo build --workspace --all-targets --locked

# All tests. PostgreSQL's run on a private server that they start themselves, or on yours if POSTGRES_* is set.
test:
	scripts/setup-tests.sh
	cargo test --workspace --locked
	cargo test -p connexion --no-default-features --test it --locked
	cargo test -p connexion-app --features otlp --test it --locked traces

# Line coverage of the tests; fails below 85 %.
cov:
	scripts/setup-tests.sh
	scripts/cov.sh 85

# What CI refuses.
lint:
	scripts/prose.py
	cargo fmt --all --check
	cargo fmt --manifest-path $(BY_HAND) --check
	cargo clippy --workspace --all-targets --all-features --locked -- -D warnings
	cargo clippy -p connexion --all-targets --no-default-features --locked -- -D warnings
	cargo clippy -p connexion-app --all-targets --locked -- -D warnings
	cargo clippy --manifest-path $(BY_HAND) --target-dir target/axum-sqlx --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --document-private-items --locked
	scripts/package.sh
	scripts/public-types.py
	scripts/deny.sh

# Whether the library builds from its package alone.
package:
	scripts/package.sh --build

fmt:
	cargo fmt --all

# Whether what was taken from npm is what the registry has.
vendored:
	scripts/vendored.sh

# The service beside others, by turns, or only the parts of it that ONLY names, such as ONLY=reads,inserts; all of it
# takes half an hour and writes docs/performance.md.
bench:
	@scripts/bench.sh $(ONLY)

# What the library takes for loading a document and for a request.
bench-library:
	cargo bench -p connexion --bench load --bench request --locked

# What requests cost the library, in instructions: the same on a busy machine.
bench-instructions:
	scripts/callgrind.sh

# The example echo beside the same service written by hand, and in Python.
bench-echo:
	scripts/compare-echo.sh

# A minute for each fuzz target.
fuzz:
	scripts/fuzz.sh 60

# Whether the fuzz targets build and take their seeds.
fuzz-smoke:
	scripts/fuzz.sh 5

# Requests that schemathesis makes of a document that uses everything, two minutes in each version.
schemathesis:
	scripts/schemathesis.sh 120

# The service through faults that really happen, as a table: all, or those that have ONLY in their name.
faults:
	scripts/setup-tests.sh
	cargo bench -p connexion-app --bench faults --locked -- "$(ONLY)"

# --- Delivery: the image, its registry, its environments ---
# Their variables come from the command line or the environment; the shell reads them, so that it finds no code in them.

# The image connexion-app:VERSION, of COMMIT; else those of Cargo.toml and git.
image:
	@scripts/image.sh

# That image to REGISTRY, under each of TAGS.
push:
	@scripts/image.sh push "$$REGISTRY" $$TAGS

# The plain manifests, from the development overlay; `make manifests-check` says whether they are up to date.
manifests:
	scripts/manifests.sh
manifests-check:
	scripts/manifests.sh --check

# The version TAG (without it, the overlay's own) of SERVICE to ENVIRONMENT.
deploy:
	@scripts/deploy.sh "$$ENVIRONMENT" "$$SERVICE" "$$TAG"

# All that is in deploy/, done with the real tools.
delivery:
	scripts/delivery.sh
