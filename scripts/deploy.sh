#!/usr/bin/env bash
# Deploys a version to an environment, by its overlay in deploy/kubernetes and the cluster that kubectl talks to:
#
#     scripts/deploy.sh [STEP] ENVIRONMENT SERVICE [VERSION]
#
# ENVIRONMENT is development, staging or production, SERVICE application or postgres; without VERSION the one that the overlay
# names. The steps, all of them if none is named: `set` writes the version into the overlay, `check` asks the server whether
# it would take the manifests and shows what would change, `apply` applies them, `wait` waits for the rollout, and `undo` goes
# back to what ran before, which happens by itself if the rollout fails. `commit` is not among them: it commits the version.
set -euo pipefail
cd "$(dirname "$0")/.."

usage() {
    sed -n '2,/^set/{s/^# \{0,1\}//p}' "$0" >&2
    exit 2
}
step=all
case ${1:-} in set | check | apply | wait | undo | commit) step=$1 && shift ;; esac
[ $# -ge 2 ] || usage
environment=$1 service=$2 version=${3:-}
overlay=deploy/kubernetes/overlays/$environment
# As long as the Deployment has for it (progressDeadlineSeconds), and a minute.
patience=${PATIENCE:-360s}

case $environment in development | staging | production) ;; *) usage ;; esac
case $service in
    application) image=connexion-app workload=deployment/connexion-app ;;
    postgres) image=postgres workload=statefulset/postgres ;;
    *) usage ;;
esac
if [ "$environment/$service" = production/postgres ]; then
    echo "deploy: production's PostgreSQL is CloudNativePG's (deploy/kubernetes/components/cloudnative-pg): the operator rolls it" >&2
    exit 2
fi
in_namespace() { kubectl --namespace "$environment" "$@"; }

# The line after the image's name that says its tag.
tag() { awk -v image="$image" '$1 == "-" && $2 == "name:" { it = $3 == image } it && $1 == "newTag:" { gsub(/"/, "", $2); print $2 }' "$overlay/kustomization.yaml"; }

do_set() {
    if [ -n "$version" ]; then
        [[ $version =~ ^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$ ]] || {
            echo "deploy: '$version' is no image's tag" >&2
            exit 2
        }
        awk -v image="$image" -v version="$version" '
            $1 == "-" && $2 == "name:" { it = $3 == image }
            it && $1 == "newTag:" { sub(/newTag:.*/, "newTag: \"" version "\"") }
            { print }' "$overlay/kustomization.yaml" >"$overlay/kustomization.yaml.new"
        mv "$overlay/kustomization.yaml.new" "$overlay/kustomization.yaml"
    fi
    if [ "$environment" = development ]; then scripts/manifests.sh; fi
    echo "deploy: $service $(tag) in $environment"
}

do_check() {
    if [ "$environment" = staging ] && [ ! -e "$overlay/secret.env" ]; then
        echo "deploy: $overlay/secret.env is missing, which is not in git: make it as secret.env.example says" >&2
        exit 1
    fi
    kubectl apply -f "$overlay/namespace.yaml"
    # A Job can't be changed, so that of the last deployment makes room for the next.
    in_namespace delete job connexion-app-migrate --ignore-not-found
    kubectl apply -k "$overlay" --dry-run=server
    # 1 says that something differs.
    kubectl diff -k "$overlay" || [ $? -eq 1 ]
}

do_apply() { kubectl apply -k "$overlay"; }

do_wait() { in_namespace rollout status "$workload" --timeout="$patience"; }

do_undo() {
    in_namespace rollout undo "$workload" || {
        echo "deploy: the rollout failed, and there is nothing to go back to" >&2
        exit 1
    }
    in_namespace rollout status "$workload" --timeout="$patience"
    version=$(in_namespace get "$workload" -o 'jsonpath={.spec.template.spec.containers[0].image}')
    version=${version##*:}
    do_set
    echo "deploy: the rollout failed, and $environment has $service $version again" >&2
}

do_commit() {
    git add deploy/kubernetes
    if git diff --cached --quiet; then
        echo "deploy: nothing to commit"
        return
    fi
    git commit --quiet -m "Deploy $service $(tag) to $environment"
    git push --quiet origin "HEAD:${BRANCH:-main}"
    git log -1 --format='deploy: %h %s'
}

if [ "$step" != all ]; then
    "do_$step"
    exit
fi
do_set
do_check
do_apply
do_wait || {
    do_undo
    exit 1
}
