#!/usr/bin/env bash
# Pushes the image connexion-app:VERSION to a registry under each of the tags: scripts/push.sh REGISTRY VERSION TAG...
set -euo pipefail
registry=$1 version=$2
shift 2
for tag in "$@"; do
    docker tag "connexion-app:$version" "$registry/connexion-app:$tag"
    docker push --quiet "$registry/connexion-app:$tag"
done
