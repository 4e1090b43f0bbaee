#!/usr/bin/env bash
# Requests per second, and time of the processor per request, of examples/echo.rs beside the same service written by
# hand with axum (examples/by_hand.rs) and beside Python's connexion (benches/echo/app.py, two workers of uvicorn):
# scripts/compare-echo.sh [ROUNDS]. Each round loads all of them by turns, with wrk on the same machine, so only the
# ratios of the medians mean something; and wrk and the kernel take their part of the first figure.
set -euo pipefail
cd "$(dirname "$0")/.."
rounds=${1:-5}
seconds=3
folder=crates/connexion/benches/echo

target=${CARGO_TARGET_DIR:-target}
command -v wrk >/dev/null || scripts/apt-install.sh wrk
tools=$(scripts/pypi.sh echo uvicorn)
cargo build -p connexion --release --example echo --example by_hand --locked

scratch=$(mktemp -d)
names=()
processes=()
trap 'kill "${processes[@]}"; rm -r "$scratch"' EXIT
start() {
    names+=("$1")
    "${@:2}" >"$scratch/server.log" 2>&1 &
    processes+=($!)
}
uvicorn() { start "$1" "$tools/uvicorn" --app-dir $folder --workers 2 --log-level warning "${@:2}"; }
start echo.rs "$target/release/examples/echo" $folder/openapi.yaml --port 3920
start 'axum by hand' "$target/release/examples/by_hand" --port 3921
uvicorn 'Python, AsyncApp' app:starlette --port 3922
uvicorn 'Python, FlaskApp' app:flask --port 3923
address() { echo "http://127.0.0.1:$((3920 + $1))"; }

path='/shelves/12/things?limit=20&kind=large&sold=true'
thing='{"name":"A lamp of brass, with a green shade of glass","price":129.95,"stock":17,"kind":"large","tags":["light","brass"]}'
echo "wrk.path = '$path'" >"$scratch/GET.lua"
cat >"$scratch/POST.lua" <<EOF
wrk.method = 'POST'
wrk.path = '/things'
wrk.headers['Content-Type'] = 'application/json'
wrk.body = '$thing'
EOF

# None must be fast because it answers something else.
answers() {
    ask=(curl --silent --show-error --fail --retry 20 --retry-connrefused --retry-delay 1)
    "${ask[@]}" "$(address "$1")$path" | python3 -m json.tool --sort-keys
    "${ask[@]}" "$(address "$1")/things" --json "$thing" | python3 -m json.tool --sort-keys
}
for i in "${!names[@]}"; do
    answers "$i" >"$scratch/answers.$i" 2>"$scratch/answers.log"
    diff "$scratch/answers.0" "$scratch/answers.$i"
done

# Hundredths of a second that a process and its workers have run.
ticks() {
    for process in "$1" $(pgrep --parent "$1" || true); do
        awk '{ print $14 + $15 }' "/proc/$process/stat"
    done | awk '{ sum += $1 } END { print sum }'
}

load() {
    local before after
    before=$(ticks "${processes[$2]}")
    wrk -t1 -c64 -d${seconds}s -s "$scratch/$1.lua" "$(address "$2")" >"$scratch/wrk"
    after=$(ticks "${processes[$2]}")
    if grep -E 'Non-2xx|Socket errors' "$scratch/wrk" >&2; then exit 1; fi
    awk -v ticks=$((after - before)) '
        / requests in / { print ticks * 10000 / $1 >> processor }
        /^Requests.sec/ { print $2 >> rate }' \
        rate="$scratch/rate.$1.$2" processor="$scratch/processor.$1.$2" "$scratch/wrk"
}
median() { sort -g "$scratch/$1" | sed -n "$(((rounds + 1) / 2))p"; }

echo '| request | server | requests/s | echo.rs has | processor, µs/request | echo.rs takes |'
echo '| --- | --- | ---: | ---: | ---: | ---: |'
for request in GET POST; do
    for _ in $(seq "$rounds"); do
        for i in "${!names[@]}"; do load $request "$i"; done
    done
    for i in "${!names[@]}"; do
        awk -v name="$request | ${names[$i]}" \
            -v own="$(median rate.$request.0)" -v rate="$(median "rate.$request.$i")" \
            -v least="$(median processor.$request.0)" -v processor="$(median "processor.$request.$i")" 'BEGIN {
                printf "| %s | %.0f | × %.2f | %.1f | × %.3f |\n", name, rate, own / rate, processor, least / processor
            }'
    done
done
