# What the scripts of `make delivery` share: what they tell of each step, and how they fail. Sourced.
# shellcheck shell=bash

say() { printf '   %s\n' "$*"; }
fail() {
    printf 'delivery: %s\n' "$*" >&2
    exit 1
}
# is NAME WANTED FOUND
is() {
    [ "$2" = "$3" ] || fail "$1: wanted '$2', found '$3'"
    say "$1: $3"
}
# has NAME PART TEXT
has() {
    [[ $3 == *"$2"* ]] || fail "$1: no '$2' in '$3'"
    say "$1: $2"
}
# until_is NAME WANTED SECONDS COMMAND...: within so many seconds
until_is() {
    local found begun=$SECONDS
    while true; do
        found=$("${@:4}" 2>/dev/null || true)
        [ "$found" != "$2" ] || break
        [ $((SECONDS - begun)) -lt "$3" ] || fail "$1: still '$found' after $3 s, not '$2'"
        sleep 0.2
    done
    say "$1: $2"
}
