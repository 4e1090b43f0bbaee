#!/usr/bin/env bash
# The tests and their coverage in the image's builder, as compose.yaml has them; one of the two with TESTS=test or TESTS=cov.
set -euo pipefail
. scripts/delivery/tell.sh
trap 'docker compose --progress quiet --profile test down --volumes --timeout 5 || true' EXIT
case ${TESTS:-1} in 1) services=(test cov) ;; *) services=("$TESTS") ;; esac
failed=()
for service in "${services[@]}"; do
    began=$SECONDS
    docker compose --ansi never run --rm --no-TTY "$service" >"$SCRATCH/$service.log" 2>&1 || {
        grep -A40 '^failures:' "$SCRATCH/$service.log" >&2 || tail -60 "$SCRATCH/$service.log" >&2
        failed+=("docker compose run --rm $service")
    }
    say "docker compose run --rm $service: $((SECONDS - began)) s"
    grep -E '^(test result|TOTAL)' "$SCRATCH/$service.log" | sed 's/^/      /'
done
[ "${#failed[@]}" -eq 0 ] || fail "${failed[@]}"
