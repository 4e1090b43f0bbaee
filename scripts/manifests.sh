#!/usr/bin/env bash
# Renders the manifests for `kubectl apply -R -f deploy/kubernetes/plain/` from the development overlay, a file for each
# object: scripts/manifests.sh; with --check it says whether they are up to date instead.
set -euo pipefail
cd "$(dirname "$0")/.."
plain=deploy/kubernetes/plain

rendered=$(mktemp -d)
trap 'rm -rf "$rendered"' EXIT
# In files that sort as kubectl kustomize orders them: the namespace first.
kubectl kustomize deploy/kubernetes/overlays/development | awk -v folder="$rendered" '
    function write() {
        if (text != "") printf "# Rendered by `make manifests`.\n%s", text > sprintf("%s/%02d-%s-%s.yaml", folder, ++count, name, kind)
        text = ""
    }
    /^---$/ { write(); next }
    /^kind: / { kind = tolower($2) }
    # Without the hash of its content.
    /^  name: / { name = $2; if (kind ~ /configmap|secret/) sub(/-[a-z0-9]+$/, "", name) }
    { text = text $0 "\n" }
    END { write() }'

if [ "${1:-}" = --check ]; then
    diff -r "$rendered" "$plain" || {
        echo "deploy/kubernetes/plain is not what the development overlay renders to: run \`make manifests\`" >&2
        exit 1
    }
else
    rm -rf "$plain"
    mv "$rendered" "$plain"
    chmod 755 "$plain"
fi
