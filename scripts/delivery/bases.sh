#!/usr/bin/env bash
# The images that Dockerfile and compose.yaml name, of the roots that setup.sh made, since none can be pulled here.
set -euo pipefail

import() { tar -C "$WORK/$1" --exclude=./dev -c . | docker import "${@:3}" - "$2" >/dev/null; }
have() { docker image inspect "$1" >/dev/null 2>&1; }
if ! have postgres:18; then
    import postgres postgres:18 -c "ENV PATH=/usr/local/bin:/usr/lib/postgresql/18/bin:/usr/bin:/bin:/usr/sbin:/sbin" \
        -c "ENV PGDATA=/var/lib/postgresql/18/docker" -c "ENV PGHOST=/var/run/postgresql" -c "EXPOSE 5432" \
        -c "VOLUME /var/lib/postgresql" -c 'ENTRYPOINT ["docker-entrypoint.sh"]' -c 'CMD ["postgres"]'
fi
rust=$(sed -n 's/^ARG RUST=//p' deploy/Dockerfile)
# With the crates that are locked now, and the compiler of now.
made_of=$({ rustc -vV && cat Cargo.lock && stat -c %Y "$WORK/rust"; } | sha256sum)
if ! have "$rust" || [ "$made_of" != "$(cat "$WORK/engine/made-of" 2>/dev/null)" ]; then
    toolchain=$(rustc --print sysroot)
    registry=${CARGO_HOME:-$HOME/.cargo}/registry
    tar -c --exclude=./dev -C "$WORK/rust" . \
        --transform 'flags=rh;s,^\(bin\|lib\)\(/\|$\),usr/local/rust/\1\2,' -C "$toolchain" bin lib \
        --transform 'flags=rh;s,^\(index\|cache\)\(/\|$\),usr/local/cargo/registry/\1\2,' -C "$registry" index cache |
        docker import -c "ENV PATH=/usr/local/rust/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" \
            -c "ENV CARGO_HOME=/usr/local/cargo CARGO_NET_OFFLINE=true" - "$rust" >/dev/null
    echo "$made_of" >"$WORK/engine/made-of"
fi
