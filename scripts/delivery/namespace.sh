#!/usr/bin/env bash
# In namespaces of its own: starts Docker's engine, does the steps, and stops the engine.
# scripts/delivery/namespace.sh WORK SCRATCH STEP...; called by scripts/delivery.sh, in a checkout.
set -euo pipefail
export WORK=$1 SCRATCH=$2
shift 2

ip link set lo up
# Where the pipelines push to, in here.
cat /etc/hosts >"$SCRATCH/hosts"
echo "127.0.0.1 registry.example.com" >>"$SCRATCH/hosts"
mount --bind "$SCRATCH/hosts" /etc/hosts
export DOCKER_HOST=unix://$SCRATCH/docker.sock DOCKER_CONFIG=$WORK/docker-config DOCKER_BUILDKIT=1

start_engine() {
    mkdir -p "$WORK/engine"
    dockerd --data-root "$WORK/engine" --exec-root "$SCRATCH/exec" --pidfile "$SCRATCH/docker.pid" --host "$DOCKER_HOST" \
        --insecure-registry registry.example.com \
        --exec-opt native.cgroupdriver=cgroupfs --cgroup-parent "/$(basename "$SCRATCH")" >"$SCRATCH/engine.log" 2>&1 &
    engine=$!
    for _ in $(seq 100); do
        if docker version >/dev/null 2>&1; then return; fi
        kill -0 "$engine" 2>/dev/null || break
        sleep 0.2
    done
    echo "delivery: Docker's engine does not start:" >&2
    tail -20 "$SCRATCH/engine.log" >&2
    exit 1
}
# The engine takes its containers and their groups with it. Of what was built, the layers are kept, within limits.
stop_engine() {
    docker ps --quiet | xargs -r docker rm --force >/dev/null || true
    docker images --quiet --filter reference='*connexion-app*' --filter reference='*/connexion-app*' |
        sort -u | xargs -r docker rmi --force >/dev/null || true
    docker builder prune --force --keep-storage 8GB >/dev/null || true
    kill "$engine"
    wait "$engine" || true
    # Empty control groups would stay.
    find /sys/fs/cgroup -depth -type d -path "*/$(basename "$SCRATCH")*" -exec rmdir {} + 2>/dev/null || true
}

began=$SECONDS
for step in "$@"; do
    if [[ $step != lint && $step != manifests && -z ${engine:-} ]]; then
        start_engine
        trap stop_engine EXIT
        scripts/delivery/bases.sh
    fi
    before=$SECONDS
    echo "== $step"
    "scripts/delivery/$step.sh"
    echo "== $step: $((SECONDS - before)) s"
done
echo "delivery: all done in $((SECONDS - began)) s"
