#!/usr/bin/env bash
# Does with the real tools what deploy/, compose.yaml and the pipelines are for, and fails if one of them doesn't do it.
# It installs what it needs (scripts/delivery/setup.sh). Docker's engine and all that it starts live in namespaces of their
# own and end with them; images and layers stay below target/delivery for the next run.
# With TESTS=1 also `docker compose run --rm test` and `cov`, which compile everything twice more.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/delivery/setup.sh

work=$(realpath target/delivery)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export PATH="$work/bin:$work/tools/bin:$PATH"

# What somebody has who clones the repository, with the changes that are not committed yet.
mkdir "$scratch/checkout"
git ls-files -z --cached --others --exclude-standard |
    tar --null --files-from - --ignore-failed-read -c | tar -x -C "$scratch/checkout"
cd "$scratch/checkout"
# The same content has the same commit, and so the same image.
export GIT_AUTHOR_NAME=delivery GIT_AUTHOR_EMAIL=delivery@example.com GIT_AUTHOR_DATE=2026-01-01T00:00:00Z
export GIT_COMMITTER_NAME=$GIT_AUTHOR_NAME GIT_COMMITTER_EMAIL=$GIT_AUTHOR_EMAIL GIT_COMMITTER_DATE=$GIT_AUTHOR_DATE
git init -q -b main
git add --all
git commit -q -m "As it is"

steps=("$@")
[ "${#steps[@]}" -gt 0 ] || steps=(lint manifests image pipelines ${TESTS:+tests})
unshare --net --mount --pid --fork --kill-child --mount-proc \
    scripts/delivery/namespace.sh "$work" "$scratch" "${steps[@]}"
