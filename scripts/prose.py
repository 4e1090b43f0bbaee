#!/usr/bin/env python3
"""Checks that the library is written in plain English: the words that CONTRIBUTING.md replaces do not occur.

Prints FILE:LINE: WORD and ends with 1 if it finds one. `--count` prints the words of prose and the marks in each file
instead.
"""

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
FOLDERS = ["crates/connexion"]

# The word to avoid, and what to write instead.
WORDS = {
    r"answer(s|ed|ing)?": "response; to respond, to return",
    r"fault(s|y)?": "diagnostic (of a document), violation (of a request), error",
    r"mend(s|ed|ing)?": "fix",
    r"whoever|whomever": "the client, the caller",
    r"nobody|everybody|anybody|somebody": "no one, every client",
    r"tells?|told|telling": "reports, returns, prints",
    r"so many|so much": "the limit, the number",
    r"but for": "except",
    r"of which|of whom": "a sentence of its own",
    r"(is|are|has|have) no (good|right)": "is invalid",
    r"under way": "in flight",
    r"begun": "started",
}
# A summary that is a noun clause says what a thing is like, and not what it is or does.
SUMMARY = re.compile(r"^\s*//[/!] (What|Whether|Whoever|Who|Where|How|Why|Which|The same|So)\b")
FIRST = re.compile(r"^\s*//[/!]")
FORBIDDEN = re.compile(r"\b(" + "|".join(WORDS) + r")\b", re.IGNORECASE)

# What the Python library says and its clients match, and names that others chose.
ALLOWED = re.compile(r"legacy sentence|RFC \d+|answers\.|problem answers|could not answer this|types of the answer")


def files():
    listed = subprocess.run(
        ["git", "ls-files", *FOLDERS], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split("\n")
    skipped = ("CHANGELOG.md", "Cargo.lock", "prose.py")
    for name in listed:
        if name.endswith((".rs", ".md", ".toml", ".yaml", ".txt")) and not name.endswith(skipped):
            if "/benches/echo" not in name:
                yield name


def prose(name):
    """The lines of one file; only comments of data, with empty lines in the place of the rest."""
    lines = (ROOT / name).read_text().splitlines()
    if name.endswith((".yaml", ".txt")):
        return [one if one.lstrip().startswith("#") else "" for one in lines]
    return lines


def marks(name):
    """The places of one file: line number and what is wrong."""
    is_summary = True
    for number, line in enumerate(prose(name), 1):
        is_doc = bool(FIRST.match(line))
        if is_doc and is_summary and SUMMARY.match(line):
            yield number, f"the summary starts with {SUMMARY.match(line)[1]!r}; start with a verb or a noun"
        is_summary = not is_doc
        for found in FORBIDDEN.finditer(line):
            if not ALLOWED.search(line):
                word = found[0].lower()
                better = next(b for a, b in WORDS.items() if re.fullmatch(a, word))
                yield number, f"{found[0]!r}: write {better}"


def main():
    if "--count" in sys.argv:
        total = words = 0
        for name in files():
            lines = prose(name)
            counted = [one for one in lines if "//" in one] if name.endswith(".rs") else lines
            here = len(list(marks(name)))
            total, words = total + here, words + sum(len(one.split()) for one in counted)
            if here:
                print(f"{here:5} {name}")
        print(f"{total:5} marks, {words} words of prose: {1000 * total / max(words, 1):.1f} in a thousand")
        return 0
    found = 0
    for name in files():
        for number, what in marks(name):
            print(f"{name}:{number}: {what}")
            found = 1
    return found


if __name__ == "__main__":
    sys.exit(main())
