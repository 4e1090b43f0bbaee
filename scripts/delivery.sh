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
git init -q -b main
git -c user.name=delivery -c user.email=delivery@example.com -c core.autocrlf=false add --all
git -c user.name=delivery -c user.email=delivery@example.com commit -q -m "As it is"

steps=("$@")
[ "${#steps[@]}" -gt 0 ] || steps=(lint manifests image pipelines)
unshare --net --mount --pid --fork --kill-child --mount-proc \
    scripts/delivery/namespace.sh "$work" "$scratch" "${steps[@]}"
