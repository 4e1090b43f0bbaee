#!/usr/bin/env bash
# Builds the image connexion-app:VERSION: scripts/image.sh. Pushes it under each tag: scripts/image.sh push REGISTRY TAG...
# VERSION and COMMIT are variables of the environment, else those of Cargo.toml and git.
set -euo pipefail
cd "$(dirname "$0")/.."
export VERSION=${VERSION:-$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml)}

if [ "${1:-}" != push ]; then
    export COMMIT=${COMMIT:-$(git rev-parse HEAD)}
    exec docker build -f deploy/Dockerfile --build-arg VERSION --build-arg COMMIT -t "connexion-app:$VERSION" .
fi
registry=$2
shift 2
for tag in "$@"; do
    docker tag "connexion-app:$VERSION" "$registry/connexion-app:$tag"
    docker push --quiet "$registry/connexion-app:$tag"
done
