#!/usr/bin/env python3
"""Checks that docs/versions.md of the library lists every type and trait of another crate that its API has.

Reads what rustdoc writes as JSON, which a stable rustdoc does only when it takes itself for a nightly one; a wrapper
says so to rustdoc alone, since build scripts would notice, too.
"""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
TABLE = ROOT / "crates/connexion/docs/versions.md"
STANDARD = {"alloc", "core", "std"}


def documented():
    """The API as rustdoc describes it."""
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    with tempfile.TemporaryDirectory() as directory:
        wrapper = pathlib.Path(directory) / "rustdoc"
        wrapper.write_text('#!/bin/sh\nRUSTC_BOOTSTRAP=1 exec rustdoc "$@"\n')
        wrapper.chmod(0o755)
        command = ["cargo", "rustdoc", "--quiet", "-p", "connexion", "--all-features", "--locked", "--lib", "--"]
        command += ["-Zunstable-options", "--output-format=json", "--cap-lints=allow"]
        subprocess.run(command, cwd=ROOT, check=True, env={**os.environ, "RUSTDOC": str(wrapper)})
    return json.loads((target / "doc/connexion.json").read_text())


def ids(value):
    """The ids of all types and traits below a part of the JSON."""
    if isinstance(value, dict):
        if "id" in value and ("path" in value or "name" in value):
            yield value["id"]
        for one in value.values():
            yield from ids(one)
    elif isinstance(value, list):
        for one in value:
            yield from ids(one)


def found(api):
    """The names of foreign types and traits, each with its crate."""
    names = set()
    for item in api["index"].values():
        if item["crate_id"] != 0:
            continue
        implementation = item["inner"].get("impl", {})
        if implementation.get("is_synthetic") or implementation.get("blanket_impl"):
            continue
        for one in ids(item["inner"]):
            path = api["paths"].get(str(one))
            if path and path["crate_id"] != 0 and path["path"][0] not in STANDARD and path["kind"] != "module":
                names.add((path["path"][0].replace("_", "-"), path["path"][-1]))
    return names


def listed():
    rows = re.findall(r"^\| `([a-z_-]+)` \| [0-9.]+ \| (.*) \|$", TABLE.read_text(), re.MULTILINE)
    return {(name.replace("_", "-"), one) for name, types in rows for one in re.findall(r"`(\w+)`", types.split(";")[0])}


def main():
    there, said = found(documented()), listed()
    for crate, name in sorted(there - said):
        print(f"{TABLE.relative_to(ROOT)} does not list {name} of {crate}")
    for crate, name in sorted(said - there):
        print(f"{TABLE.relative_to(ROOT)} lists {name} of {crate}, which is not in the API")
    return int(there != said)


if __name__ == "__main__":
    sys.exit(main())
