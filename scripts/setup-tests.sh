#!/usr/bin/env bash
# Installs what the tests need and is missing: a C compiler (SQLite is built from source), pgbouncer, `kill`,
# PostgreSQL's programs, a browser with its driver, and Java, from Debian's packages, and schemathesis,
# openapi-generator and python-dotenv, from PyPI, below the target directory. Does nothing on a machine that has them.
set -euo pipefail
cd "$(dirname "$0")/.."

missing=()
command -v cc >/dev/null || missing+=(gcc libc6-dev)
command -v pgbouncer >/dev/null || [ -x /usr/sbin/pgbouncer ] || missing+=(pgbouncer)
# The shell's own `kill` is no program that a test could call.
[ -n "$(type -P kill)" ] || missing+=(procps)

command -v chromedriver >/dev/null || missing+=(chromium chromium-driver)
command -v java >/dev/null || missing+=(default-jre-headless)

# A server of your own (POSTGRES_*) is used instead of a private one.
if [ -z "$(compgen -e POSTGRES_ || true)" ] && ! command -v initdb >/dev/null &&
    [ -z "$(compgen -G '/usr/lib/postgresql/*/bin/initdb' || true)" ]; then
    missing+=(postgresql)
fi

python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)

from_pypi() {
    scripts/schemathesis-install.sh >/dev/null
    scripts/client-install.sh >/dev/null
    scripts/pypi.sh dotenv dotenv >/dev/null
}

if [ "${#missing[@]}" -eq 0 ]; then
    from_pypi
    echo "setup-tests: everything is there"
    exit 0
fi

# Debian's package creates a server and starts it, now and at every boot. The tests start their own, so for as
# long as the installation lasts Debian is told not to.
if [[ " ${missing[*]} " == *" postgresql "* ]]; then
    as_root=()
    if [ "$(id -u)" -ne 0 ]; then as_root=(sudo); fi
    directory=/etc/postgresql-common/createcluster.d
    "${as_root[@]}" mkdir -p "$directory"
    trap '"${as_root[@]}" rm -f "$directory/connexion-app-tests.conf"' EXIT
    echo 'create_main_cluster = false' |
        "${as_root[@]}" tee "$directory/connexion-app-tests.conf" >/dev/null
fi

scripts/apt-install.sh "${missing[@]}"
from_pypi
