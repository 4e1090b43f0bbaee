#!/usr/bin/env bash
# Runs both pipelines with steps of our own whose `sh` runs the real scripts, with a real registry and kubectl on a stand-in
# API server. Only cargo, unless it lists a package, and what the tests need are not the real ones: the tests themselves are
# CI's, before this, and nothing can be installed here.
set -euo pipefail
. scripts/delivery/tell.sh
. scripts/delivery/cluster.sh

JAVA_HOME=$(dirname "$(dirname "$(readlink -f "$(command -v java)")")")
export JAVA_HOME
major=$(rustc -vV | sed -n 's/^LLVM version: \([0-9]*\).*/\1/p')
mkdir "$SCRATCH/fake"
REAL_CARGO=$(command -v cargo)
export REAL_CARGO
cat >"$SCRATCH/fake/cargo" <<'EOF'
#!/bin/sh
# `cargo test` fails if that is what is tried; what `cargo package --list` prints is read by scripts/package.sh.
[ "$1" != package ] || exec "$REAL_CARGO" "$@"
echo "cargo $*"
[ "$1" != test ] || [ ! -e "$SCRATCH/test-fails" ] || { echo "test result: FAILED. 1 failed"; exit 101; }
[ "$1 $2 $3" != "llvm-cov report --cobertura" ] || echo '<coverage line-rate="0.9"/>' >target/coverage.xml
EOF
for each in cargo-deny cargo-llvm-cov "llvm-cov-$major" "llvm-profdata-$major" pgbouncer initdb cc kill \
    chromedriver schemathesis openapi-generator-cli; do
    printf '#!/bin/sh\n' >"$SCRATCH/fake/$each"
done
cat >"$SCRATCH/fake/python3" <<'EOF'
#!/bin/sh
# `python3 -m venv DIRECTORY` makes one whose pip installs nothing.
[ "$1 $2" = "-m venv" ] || exit 0
mkdir -p "$3/bin"
printf '#!/bin/sh\n' >"$3/bin/pip"
chmod +x "$3/bin/pip"
EOF
chmod +x "$SCRATCH"/fake/*

git clone --quiet --bare . "$SCRATCH/origin.git"
commit=$(git rev-parse HEAD)
mkdir "$SCRATCH/registry" "$SCRATCH/credentials"
cat >"$SCRATCH/registry.yml" <<EOF
version: 0.1
log: {level: error}
storage: {filesystem: {rootdirectory: $SCRATCH/registry}}
http: {addr: "127.0.0.1:80"}
EOF
docker-registry serve "$SCRATCH/registry.yml" >"$SCRATCH/registry.log" 2>&1 &
registry=$!
start_cluster
trap 'kill "$registry" "$cluster"' EXIT
cp "$KUBECONFIG" "$SCRATCH/credentials/kubeconfig-development"
cp "$KUBECONFIG" "$SCRATCH/credentials/kubeconfig-staging"
cp deploy/kubernetes/overlays/staging/secret.env.example "$SCRATCH/credentials/connexion-app-staging-secret"
unset KUBECONFIG

# pipeline WHAT ENDS FILE BRANCH [NAME=VALUE...]: what it tells is in $told
pipeline() {
    told=$(PATH="$SCRATCH/fake:$PATH" groovy scripts/delivery/pipeline.groovy "$3" "$SCRATCH/workspace" "$SCRATCH/origin.git" \
        "${@:4}" 2>&1) || true
    [[ $told == *"ended: $2"* ]] || {
        printf '%s\n' "$told" >&2
        fail "$1: did not end with $2"
    }
    say "$1"
    # What a person sees of it: stages, steps and the end.
    grep -vE '^      \|' <<<"$told" | grep -E '^(--|ended)' | paste -sd' ' | sed 's/^/      /'
}
told() { has "$1" "$2" "$told"; }
untold() { if [[ $told == *"$1"* ]]; then fail "told: $1"; fi; }
words() { tr ' ' '\n' | sort | xargs; }
tags() { curl -s http://registry.example.com/v2/connexion-app/tags/list | jq -r '.tags // [] | .[]' | words; }

pipeline "a pull request" SUCCESS Jenkinsfile PR-7 CHANGE_ID=7
told "its comment" "httpRequest [httpMode:POST"
told "its state" "context:Test, status:SUCCESS"
untold "docker push"
is "pushed" "" "$(tags)"

touch "$SCRATCH/test-fails"
pipeline "a failing test" "FAILURE: java.lang.Exception: script returned exit code 2" Jenkinsfile development
rm "$SCRATCH/test-fails"
told "its state" "context:Test, status:FAILURE"
told "its notification" "slackSend [channel:#notifications, color:danger"
untold "-- Image"

pipeline "the branch development" SUCCESS Jenkinsfile development
is "pushed" "$(words <<<"$commit development")" "$(tags)"
told "its deployment" "build [job:../deploy-connexion-app"
pipeline "a tag" SUCCESS Jenkinsfile 0.1.0 TAG_NAME=0.1.0
is "pushed" "$(words <<<"0.1.0 $commit development")" "$(tags)"
told "goes to" "staging"
is "what was pushed runs" "connexion-app 0.1.0 ($commit)" "$(
    docker rmi registry.example.com/connexion-app:0.1.0 >/dev/null
    docker run --rm registry.example.com/connexion-app:0.1.0 --version 2>/dev/null
)"

kubectl=(kubectl --kubeconfig "$SCRATCH/kubeconfig")
image() { "${kubectl[@]}" get deployment connexion-app --namespace "$1" -o 'jsonpath={.spec.template.spec.containers[0].image}'; }
in_git() { git --git-dir "$SCRATCH/origin.git" show "main:$1"; }
overlay=deploy/kubernetes/overlays
for environment in development staging; do
    deployment=(deploy/Jenkinsfile.deploy main params.environment="$environment" params.service=application)
    pipeline "deployment to $environment" SUCCESS "${deployment[@]}" params.version="$commit"
    told "checked before" "deployment.apps/connexion-app created (server dry run)"
    told "waited for" 'deployment "connexion-app" successfully rolled out'
    is "runs" "registry.example.com/connexion-app:$commit" "$(image $environment)"
    has "in git" "$commit" "$(in_git $overlay/$environment/kustomization.yaml)"
    if [ $environment = development ]; then
        has "in the plain manifests, too" "$commit" "$(in_git deploy/kubernetes/plain/07-connexion-app-deployment.yaml)"
    fi
    before=$(git --git-dir "$SCRATCH/origin.git" rev-parse main)

    pipeline "a rollout that fails in $environment" "FAILURE: java.lang.Exception" "${deployment[@]}" params.version=broken-1
    told "why" "exceeded its progress deadline"
    told "rolled back" "deployment.apps/connexion-app rolled back"
    told "its notification" "FAILED: *application* to *$environment*, version *broken-1*"
    is "runs" "registry.example.com/connexion-app:$commit" "$(image $environment)"
    is "commits since" "$before" "$(git --git-dir "$SCRATCH/origin.git" rev-parse main)"
done
pipeline "the same version again" SUCCESS "${deployment[@]}" params.version="$commit"
told "nothing to save" "deploy: nothing to commit"
pipeline "a version that would be code" FAILURE "${deployment[@]}" 'params.version=1; touch /tmp/x'
told "refused" "is no image's tag"
pipeline "PostgreSQL" SUCCESS deploy/Jenkinsfile.deploy main params.environment=staging params.service=postgres params.version=18.6
told "waited for" "statefulset rolling update complete"
has "in git" 'newTag: "18.6"' "$(in_git $overlay/staging/kustomization.yaml)"
