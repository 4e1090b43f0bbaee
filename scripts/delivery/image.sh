#!/usr/bin/env bash
# Builds the image, starts it with compose, and goes through what a user does with both.
set -euo pipefail
. scripts/delivery/tell.sh

commit=$(git rev-parse HEAD)
export VERSION=0.1.0 COMMIT=$commit
build() {
    local began=$SECONDS
    "$@" >"$SCRATCH/build.log" 2>&1 || {
        tail -40 "$SCRATCH/build.log" >&2
        fail "$*"
    }
    say "$*: $((SECONDS - began)) s"
}
compose() { docker compose --ansi never --progress quiet "$@"; }
app() { compose run --rm --no-TTY --quiet-pull app "$@"; }
clean() { compose --profile test down --volumes --remove-orphans --timeout 5; }
trap 'clean || true' EXIT
clean
people() { curl -sf http://127.0.0.1:5000/people | jq length; }
status() { curl -s -o /dev/null -w '%{http_code}' "$@"; }
health() { docker inspect -f '{{.State.Health.Status}}' "$1"; }
address() { docker inspect -f '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' "$1"; }
process() { docker inspect -f '{{.State.Pid}}' "$1"; }
memory() { awk -v what="$2:" '$1 == what { printf "%.1f MB", $2 / 1024 }' "/proc/$(process "$1")/status"; }
ticks() { awk '{ print $14 + $15 }' "/proc/$(process "$1")/stat"; }

build docker build --file deploy/Dockerfile --target dependencies .
# The next version, too, to which the service is rolled below: linking keeps one processor busy, and this machine may have two.
make -s image VERSION="$commit" >"$SCRATCH/next.log" 2>&1 &
next=$!
build docker compose build app
began=$SECONDS
wait "$next" || {
    tail -40 "$SCRATCH/next.log" >&2
    fail "the next version can't be built"
}
say "waited for the next version's image: $((SECONDS - began)) s"

say "what is in it"
image=connexion-app
is "size, at most 20 MB" yes "$(docker image inspect -f '{{.Size}}' $image | awk '{ print $1 < 20e6 ? "yes" : $1 }')"
docker image inspect -f '{{.Size}}' $image | awk '{ printf "   %.2f MB\n", $1 / 1e6 }'
is "user" 65532:65532 "$(docker image inspect -f '{{.Config.User}}' $image)"
label() { docker image inspect -f "{{index .Config.Labels \"org.opencontainers.image.$1\"}}" $image; }
is "label version" $VERSION "$(label version)"
is "label revision" "$commit" "$(label revision)"
container=$(docker create $image)
files=$(docker export "$container" | tar -t | grep -v '/$' | grep -vE '^(\.dockerenv|dev/console|etc/(hostname|hosts|mtab|resolv.conf))$')
docker rm "$container" >/dev/null
is "files" "bin/connexion-app etc/ssl/certs/ca-certificates.crt" "$(xargs <<<"$files")"
if docker run --rm --entrypoint /bin/sh $image -c true 2>/dev/null; then fail "it has a shell"; fi
is "--version" "connexion-app $VERSION ($commit)" "$(docker run --rm $image --version)"
has "without a database, read-only, as that user" '"database":"ok"' "$(
    docker run --rm --detach --name alone --read-only --cap-drop ALL --volume alone:/data $image >/dev/null
    until docker exec alone connexion-app check-ready 2>/dev/null; do sleep 0.2; done
    docker rm --force alone >/dev/null
    docker volume rm alone >/dev/null
)"

say "docker compose up"
compose up --detach --wait --quiet-pull
logs=$(compose logs --no-log-prefix app)
has "first line of the log" "INFO starting connexion-app $VERSION ($commit)" "$(grep INFO <<<"$logs" | head -1)"
has "log" "(development) on PostgreSQL" "$logs"
has "log" "the database is new: 714 sample passengers are stored in it" "$logs"
app=$(compose ps --quiet app)
has "metrics" "commit=\"$commit\"" "$(curl -sf "http://$(address "$app"):5001/metrics" | grep build_info)"
is "health" healthy "$(health "$app")"
is "people" 714 "$(people)"
say "memory at rest: $(memory "$app" VmRSS)"

say "the five operations"
person=http://127.0.0.1:5000/people/11111111-1111-4111-8111-111111111111
json=(-H 'Content-Type: application/json')
is "add" 200 "$(status http://127.0.0.1:5000/people "${json[@]}" -d '{"uuid": "11111111-1111-4111-8111-111111111111",
    "name": "Mr. Owen Harris Braund", "sex": "male", "age": 22, "passengerClass": 3, "siblingsOrSpousesAboard": 1,
    "parentsOrChildrenAboard": 0, "fare": 7.25, "survived": false}')"
is "get" 22 "$(curl -sf $person | jq .age)"
is "put" 200 "$(status -X PUT $person "${json[@]}" -d '{"age": 23}')"
is "list" 23 "$(curl -sf http://127.0.0.1:5000/people | jq '.[] | select(.uuid | startswith("11111111-")).age')"
is "delete" 200 "$(status -X DELETE $person)"
is "page" 200 "$(status http://127.0.0.1:5000/ui/)"

say "commands"
is "check-db" "the database answers" "$(app check-db)"
is "check-migration" "all migrations are applied" "$(app check-migration)"
is "migrate" "nothing to do" "$(app migrate)"
head -11 data/titanic.csv >data/my_data.csv
has "import-data my_data.csv" "10 people stored" "$(app import-data my_data.csv 2>&1)"
has "import_data, as the original called it" "10 people stored" "$(app import_data my_data.csv 2>&1)"
is "people" 734 "$(people)"
echo "1,2" >>data/my_data.csv
has "a wrong row" "nothing was stored" "$(app import-data my_data.csv 2>&1 || true)"
has "by standard input" "10 people stored" "$(head -11 data/titanic.csv | docker exec -i "$app" connexion-app import-data -)"
printf 'FLASK_DEBUG=False\nFLASK_APP=wsgi:app\nGUNICORN_WORKERS=3\n' >.envs/.flask
has ".envs/.flask" "3" "$(app config 2>/dev/null | grep APP_WORKERS)"
rm .envs/.flask
has "a wrong password" "password authentication failed" "$(compose run --rm --no-TTY -e POSTGRES_PASSWORD=wrong app check-db 2>&1 || true)"

say "a database of the original's, and one that can't be adopted"
sql() { docker exec -i "$(compose ps --quiet db)" psql -q -v ON_ERROR_STOP=1 -U backend -d "$1"; }
sql backend <<<"create database original; create database other"
sql original <<<"
    create type sexenum as enum ('male', 'female', 'other');
    create table person (uuid uuid primary key, survived boolean not null, passenger_class integer not null,
        name varchar(100) not null, sex sexenum not null, age integer not null, siblings_or_spouses_aboard integer not null,
        parents_or_children_aboard integer not null, fare double precision not null);
    insert into person values ('8d6ba3fc-9b1b-4f0c-9e0a-0a2f1a1f0a01', false, 3, 'Mr. Owen Harris Braund', 'male', 22, 1, 0, 7.25);
    create table alembic_version (version_num varchar(32) primary key)"
sql other <<<"create table person (uuid uuid primary key, survived text)"
on() { compose run --rm --no-TTY -e POSTGRES_DB="$1" app "${@:2}" 2>&1 || echo "exit code $?"; }
is "original: migrate" "applied V1__person, V2__api_key, V3__lists" "$(on original migrate | grep applied)"
is "original: its person" 1 "$(on original export-data | grep -c Braund)"
has "other: migrate" "table person: column survived is text, not boolean" "$(on other migrate)"
has "other: migrate" "exit code 1" "$(on other migrate)"

say "restarts"
is "people" 744 "$(people)"
compose restart app 2>/dev/null
until_is "after a restart of the service" 744 20 people
compose down --timeout 30 2>/dev/null
compose up --detach --wait 2>/dev/null
is "after down and up" 744 "$(people)"
app=$(compose ps --quiet app)
began=$(date +%s%N)
docker stop "$app" >/dev/null
is "SIGTERM to process 1: exit code" 0 "$(docker inspect -f '{{.State.ExitCode}}' "$app")"
say "stopped after $((($(date +%s%N) - began) / 1000000)) ms"
docker start "$app" >/dev/null
until_is "health" healthy 20 health "$app"

say "backup and restore, as in docs/operations.md"
# shellcheck disable=SC2016  # The container's shell expands them.
compose exec -T db sh -c 'pg_dump -Fc -U "$POSTGRES_USER" "$POSTGRES_DB"' >"$SCRATCH/people.dump"
compose stop app 2>/dev/null
sql backend <<<"delete from person"
# shellcheck disable=SC2016  # The container's shell expands them.
compose exec -T db sh -c 'pg_restore --clean --if-exists --single-transaction -U "$POSTGRES_USER" -d "$POSTGRES_DB"' <"$SCRATCH/people.dump"
compose start app 2>/dev/null
until_is "people restored" 744 20 people
until_is "health" healthy 20 health "$app"

say "docker kill of the database"
docker kill "$(compose ps --quiet db)" >/dev/null
until_is "GET /people" 503 10 status http://127.0.0.1:5000/people
until_is "health" unhealthy 40 health "$app"
compose start db 2>/dev/null
until_is "GET /people" 200 20 status http://127.0.0.1:5000/people
until_is "health" healthy 20 health "$app"
is "people" 744 "$(people)"

say "load: 64 connections, this machine's $(nproc) processors for all"
one=$(curl -sf http://127.0.0.1:5000/people | jq -r '.[0].uuid')
direct=http://$(address "$app"):5000
for path in "/people/$one" /people; do
    before=$(ticks "$app")
    # Under a name that the service has (APP_ALLOWED_HOSTS).
    wrk -t1 -c64 -d5s -H "Host: app" "$direct$path" >"$SCRATCH/wrk"
    spent=$(($(ticks "$app") - before))
    if grep -E 'Non-2xx|Socket errors' "$SCRATCH/wrk"; then fail "errors under load"; fi
    awk -v path="${path:0:14}" -v spent="$spent" '
        / requests in / { requests = $1 }
        /^Requests.sec/ { printf "   GET %s: %d/s, %.2f processors, %.0f µs of one for each\n", path, $2, spent / 500, spent * 10000 / requests }
    ' "$SCRATCH/wrk"
done
say "memory: $(memory "$app" VmRSS), at the most $(memory "$app" VmHWM)"
say "memory of the database: $(docker stats --no-stream --format '{{.MemUsage}}' "$(compose ps --quiet db)")"

say "a new version under load"
cat >"$SCRATCH/haproxy.cfg" <<EOF
global
    stats socket ipv4@127.0.0.1:9999 level admin
defaults
    mode http
    timeout connect 2s
    timeout client 30s
    timeout server 30s
    # What fails must be seen.
    retries 0
    option http-server-close
frontend all
    bind 127.0.0.1:8080
    default_backend people
backend people
    option httpchk GET /health/ready
    default-server check port 5001 inter 200 fall 1 rise 1
    server old $(address "$app"):5000
    server new 127.0.0.9:5000 disabled
EOF
haproxy -f "$SCRATCH/haproxy.cfg" >"$SCRATCH/haproxy.log" 2>&1 &
proxy=$!
trap 'kill "$proxy" || true; clean || true' EXIT
balance() {
    exec 3<>/dev/tcp/127.0.0.1/9999
    echo "$1" >&3
    cat <&3
    exec 3>&-
}
cat >"$SCRATCH/mixed.lua" <<EOF
local put, get
local turn = 0
-- Only in here does wrk know the host, and a request without one is answered 400.
init = function()
    put = wrk.format("PUT", "/people/$one", {["Content-Type"] = "application/json"}, '{"age": 44}')
    get = wrk.format("GET", "/people/$one")
end
request = function()
    turn = turn + 1
    return turn % 10 == 0 and put or get
end
EOF
until_is "by way of the balancer" 200 10 status http://127.0.0.1:8080/people
wrk -t1 -c16 -d20s -s "$SCRATCH/mixed.lua" http://127.0.0.1:8080 >"$SCRATCH/wrk" &
load=$!
sleep 3
# As a rolling update does it: one more, until it is ready; then nobody is sent to the old one, then it is told to stop.
docker run --detach --name rolled --network connexion-app_default --env-file .envs/.app --env-file .envs/.postgres \
    --read-only --cap-drop ALL "connexion-app:$commit" >/dev/null
until_is "health of the new one" healthy 20 health rolled
balance "set server people/new addr $(address rolled) port 5000" >/dev/null
balance "set server people/new check-port 5001" >/dev/null
balance "enable server people/new" >/dev/null
server() { balance "show servers state people" | awk -v name="$1" '$4 == name { print $6 }'; }
until_is "the balancer's state of the new one" 2 10 server new
balance "set server people/old state maint" >/dev/null
sleep 2
docker stop "$app" >/dev/null
is "exit code of the old one" 0 "$(docker inspect -f '{{.State.ExitCode}}' "$app")"
wait "$load"
cat "$SCRATCH/wrk" | sed -n 's/^ *\(.* requests in .*\)/   \1/p'
if grep -E 'Non-2xx|Socket errors' "$SCRATCH/wrk"; then fail "requests failed while the version changed"; fi
has "served by" "version=\"$commit\"" "$(curl -sf "http://$(address rolled):5001/metrics" | grep build_info)"
served=$(curl -sf "http://$(address rolled):5001/metrics" | awk '/^connexion_http_requests_total/ { sum += $2 } END { print (sum > 1000) ? "yes" : sum }')
is "and it had its part" yes "$served"
docker rm --force rolled >/dev/null
