#!/usr/bin/env bash
# Lets openapi-generator make a client of the document that a people service serves, in Python, and calls every operation
# with it: scripts/client.sh ADDRESS KEY DIRECTORY. The key may write; the client is written to the directory.
set -euo pipefail
cd "$(dirname "$0")/.."
PATH=$(scripts/client-install.sh)
openapi-generator-cli generate --input-spec "http://$1/openapi.json" --generator-name python --output "$3" \
    --additional-properties packageName=people_client >"$3.log" 2>&1 || {
    cat "$3.log" >&2
    exit 1
}
# A schema without a name gets one that nobody would choose, and another one when the document changes. What forms of
# pages send is no model.
if grep 'Inline schema created' "$3.log" | grep -v 'created as pages_'; then
    echo "give these schemas names in the document" >&2
    exit 1
fi
PYTHONPATH=$3 PYTHONDONTWRITEBYTECODE=1 exec python3 scripts/client.py "http://$1" "$2"
