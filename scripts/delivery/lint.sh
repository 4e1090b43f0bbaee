#!/usr/bin/env bash
# Linters, without findings: hadolint, shellcheck, yamllint.
set -euo pipefail
. scripts/delivery/tell.sh
hadolint deploy/Dockerfile
say "hadolint: nothing"
mapfile -t scripts < <(git ls-files '*.sh' .ci/run)
shellcheck -x "${scripts[@]}"
say "shellcheck: nothing in ${#scripts[@]} scripts"
mapfile -t texts < <(git ls-files '*.yaml' '*.yml' | grep -v crates/)
yamllint --strict -c scripts/delivery/yamllint.yaml "${texts[@]}"
say "yamllint: nothing in ${#texts[@]} files"
