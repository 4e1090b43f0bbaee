#!/usr/bin/env bash
# Requests per second of examples/echo.rs beside the same service written by hand with axum (examples/by_hand.rs) and
# beside Python's connexion (benches/echo/app.py, two workers): scripts/compare-echo.sh [ROUNDS]. Each round asks all of
# them by turns, from wrk on the same machine, so only the ratios of the medians mean something.
set -euo pipefail
cd "$(dirname "$0")/.."
rounds=${1:-5}
seconds=3
folder=crates/connexion/benches/echo

target=${CARGO_TARGET_DIR:-target}
tools=$target/tools-echo
command -v wrk >/dev/null || scripts/apt-install.sh wrk
if [ ! -x "$tools/bin/uvicorn" ]; then python3 -m venv "$tools"; fi
"$tools/bin/pip" install --quiet --disable-pip-version-check --requirement scripts/echo-tools.txt
cargo build -p connexion --release --example echo --example by_hand --locked

servers=()
trap 'kill "${servers[@]}"; rm -f "$scripts"/*.lua; rmdir "$scripts"' EXIT
scripts=$(mktemp -d)
"$target/release/examples/echo" $folder/openapi.yaml --port 3921 >/dev/null &
servers+=($!)
"$target/release/examples/by_hand" --port 3922 >/dev/null &
servers+=($!)
"$tools/bin/uvicorn" --app-dir $folder --port 3923 --workers 2 --log-level warning app:app &
servers+=($!)

query='/shelves/12/things?limit=20&kind=large&sold=true'
thing='{"name":"A lamp of brass, with a green shade of glass","price":129.95,"stock":17,"kind":"large","tags":["light","brass"]}'
cat >"$scripts/get.lua" <<EOF
wrk.path = "$query"
EOF
cat >"$scripts/post.lua" <<EOF
wrk.method = "POST"
wrk.path = "/things"
wrk.headers["Content-Type"] = "application/json"
wrk.body = '$thing'
EOF

# None is fast because it answers something else.
ask() { curl --silent --show-error --fail --retry 20 --retry-connrefused --retry-delay 1 "http://127.0.0.1:$@"; }
for port in 3921 3922 3923; do
    ask "$port$query"
    ask "$port/things" --json "$thing"
done | python3 -c '
import json, sys
text, answers = sys.stdin.read(), []
while text.strip():
    answer, end = json.JSONDecoder().raw_decode(text)
    answers.append(answer)
    text = text[end:].lstrip()
assert len(answers) == 6 and answers[:2] == answers[2:4] == answers[4:], answers'

load() {
    wrk -t1 -c64 -d${seconds}s -s "$2" "http://127.0.0.1:$1" >"$scripts/wrk.lua"
    if grep -E 'Non-2xx|Socket errors' "$scripts/wrk.lua" >&2; then exit 1; fi
    sed -n 's/^Requests.sec: *//p' "$scripts/wrk.lua"
}
median() { sort -g | sed -n "$(((rounds + 1) / 2))p"; }

echo '| request | echo /s | axum by hand /s | ratio | Python /s | ratio |'
echo '| --- | ---: | ---: | ---: | ---: | ---: |'
for case in get post; do
    figures=$(for _ in $(seq "$rounds"); do
        echo "$(load 3921 "$scripts/$case.lua") $(load 3922 "$scripts/$case.lua") $(load 3923 "$scripts/$case.lua")"
    done)
    ours=$(cut -d' ' -f1 <<<"$figures" | median)
    plain=$(cut -d' ' -f2 <<<"$figures" | median)
    python=$(cut -d' ' -f3 <<<"$figures" | median)
    awk -v c=$case -v o="$ours" -v a="$plain" -v p="$python" \
        'BEGIN { printf "| %s | %.0f | %.0f | %.2f | %.0f | %.0f |\n", c, o, a, o / a, p, o / p }'
done
