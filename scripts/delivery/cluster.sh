# A stand-in API server for kubectl, until the script ends. Sourced.
# shellcheck shell=bash

start_cluster() {
    cat >"$SCRATCH/kubeconfig" <<EOF
apiVersion: v1
kind: Config
clusters: [{name: stand-in, cluster: {server: "http://127.0.0.1:7070"}}]
contexts: [{name: stand-in, context: {cluster: stand-in}}]
current-context: stand-in
EOF
    export KUBECONFIG=$SCRATCH/kubeconfig KUBECACHEDIR=$SCRATCH/kubecache
    python3 scripts/delivery/api_server.py 7070 2>"$SCRATCH/api_server.log" &
    cluster=$!
    trap 'kill "$cluster"' EXIT
    for _ in $(seq 100); do
        if kubectl version >/dev/null 2>&1; then return; fi
        sleep 0.1
    done
    cat "$SCRATCH/api_server.log" >&2
    fail "the stand-in API server does not answer"
}
