#!/bin/bash
# What the image postgres:18 does at its start, as far as it is asked for here: as root it gives the data to the user
# postgres and goes on as that one; a new database gets its user, password and name from POSTGRES_*.
set -euo pipefail
if [ "$(id -u)" -eq 0 ]; then
    mkdir -p "$PGDATA" /var/run/postgresql
    chown -R postgres:postgres /var/lib/postgresql /var/run/postgresql
    exec setpriv --reuid postgres --regid postgres --init-groups "$0" "$@"
fi
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    mkdir -p "$PGDATA"
    initdb --username "$POSTGRES_USER" --pwfile <(echo "$POSTGRES_PASSWORD") --auth-host scram-sha-256 --auth-local trust >/dev/null
    echo "host all all all scram-sha-256" >>"$PGDATA/pg_hba.conf"
    pg_ctl --wait --silent start --options "-c listen_addresses='' -k /var/run/postgresql"
    createdb --host /var/run/postgresql --username "$POSTGRES_USER" "${POSTGRES_DB:-$POSTGRES_USER}" || true
    pg_ctl --wait --silent stop
fi
exec "$@" -c "listen_addresses=*" -k /var/run/postgresql
