#!/usr/bin/env bash
# Renders every overlay, validates what comes of it, and applies it with kubectl to a stand-in API server.
set -euo pipefail
. scripts/delivery/tell.sh
. scripts/delivery/cluster.sh
kubernetes=deploy/kubernetes
cp $kubernetes/overlays/staging/secret.env.example $kubernetes/overlays/staging/secret.env

say "rendered"
# The components that no overlay has switched on, too.
mkdir $kubernetes/overlays/{monitored,dumped}
sed 's,# - ../../components/,- ../../components/,' $kubernetes/overlays/production/kustomization.yaml \
    >$kubernetes/overlays/monitored/kustomization.yaml
cp $kubernetes/overlays/production/namespace.yaml $kubernetes/overlays/monitored/
sed -e 's,^# components:,components:,' -e 's,^#   - ../../components/,  - ../../components/,' \
    $kubernetes/overlays/staging/kustomization.yaml >$kubernetes/overlays/dumped/kustomization.yaml
cp $kubernetes/overlays/staging/{namespace.yaml,secret.env} $kubernetes/overlays/dumped/
for overlay in "$kubernetes"/overlays/*/; do
    name=$(basename "$overlay")
    kubectl kustomize "$overlay" >"$SCRATCH/$name.yaml" 2>"$SCRATCH/warnings"
    is "warnings for $name" "" "$(cat "$SCRATCH/warnings")"
done
has "with the component" "kind: ServiceMonitor" "$(cat "$SCRATCH/monitored.yaml")"
has "with the component" "kind: ScheduledBackup" "$(cat "$SCRATCH/monitored.yaml")"
has "with the component" "kind: CronJob" "$(cat "$SCRATCH/dumped.yaml")"
scripts/manifests.sh --check
python3 scripts/delivery/validate.py "$SCRATCH"/{development,staging,production,monitored,dumped}.yaml

say "is each fault found?"
wrong() {
    sed "$2" "$SCRATCH/development.yaml" >"$SCRATCH/wrong.yaml"
    if python3 scripts/delivery/validate.py "$SCRATCH/wrong.yaml" >"$SCRATCH/told" 2>&1; then fail "$1 passes"; fi
    say "$1: $(head -1 "$SCRATCH/told" | sed 's,^[^:]*: ,,' | cut -c1-110)"
}
wrong "an unknown field" 's/maxUnavailable: 0/maxUnavailabel: 0/'
# The database's policy is the last object.
last=$(grep -n '^kind: NetworkPolicy' "$SCRATCH/development.yaml" | tail -1 | cut -d: -f1)
wrong "a policy that keeps the service out" "$last,\$s/name: connexion-app/name: other/"
wrong "a Service without pods" 's,^    app.kubernetes.io/component: server,&s,'
wrong "an API that is gone" 's,autoscaling/v2,autoscaling/v2beta1,'

start_cluster
overlays=$kubernetes/overlays
# What is stored, by version: it must not change by applying the same again.
versions() { kubectl get -k "$1" -o jsonpath='{range .items[*]}{.kind}/{.metadata.name} {.metadata.resourceVersion}{"\n"}{end}'; }
for name in development staging production; do
    kubectl apply -f "$overlays/$name/namespace.yaml" >/dev/null
    kubectl apply -k "$overlays/$name" --dry-run=server >"$SCRATCH/dry"
    is "$name: server-side dry run" "$(grep -c '^kind:' "$SCRATCH/$name.yaml")" "$(grep -c 'server dry run' "$SCRATCH/dry")"
    is "$name: stored by it" "" "$(kubectl get deployments,configmaps --namespace "$name" -o name)"
    kubectl apply -k "$overlays/$name" | sed 's/^/      /'
    before=$(versions "$overlays/$name")
    # kubectl always says `configured` of a PodDisruptionBudget, since a patch replaces its selector.
    is "$name: applied again" "" "$(kubectl apply -k "$overlays/$name" | grep -v -e unchanged -e poddisruptionbudget || true)"
    is "$name: stored as before" same "$(diff <(echo "$before") <(versions "$overlays/$name") >/dev/null && echo same)"
    kubectl diff -k "$overlays/$name" || fail "$name differs from what was applied"
    say "$name: no difference"
done
kubectl apply -R -f $kubernetes/plain/ >"$SCRATCH/plain"
is "plain manifests: the same" "" "$(grep -v -e unchanged -e poddisruptionbudget "$SCRATCH/plain" || true)"

say "what a change of a setting does"
sed -i 's/APP_SETTINGS=staging/&\n      - APP_WORKERS=3/' $overlays/staging/kustomization.yaml
kubectl delete job connexion-app-migrate --namespace staging >/dev/null
changed=$(kubectl diff -k $overlays/staging || true)
has "staging: the pods get another ConfigMap" "+            name: connexion-app-" "$changed"
