"""Guards look through large trees within ten seconds: this repository, and one of each kind over 100 000 made-up lines.

Standard library only.

usage: run.py --casebook PROGRAM
"""

import argparse
import json
import pathlib
import random
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
SECONDS_MAX = 10.0
LINES = 100_000
LINES_OF_FILE = 350
DEFECT_EVERY = 10_000
GUARDS = """
[[guard]]
id = "no-unwrap"
rule = "errors-are-told"
kind = "ast"
mode = "block"
message = "an unwrap"
mend = "tell the error"
language = "rust"
paths = ["**/*.rs"]
pattern = "$X.unwrap()"

[[guard]]
id = "wall-clock"
rule = "wall-clock-after-waits"
kind = "sql"
mode = "block"
message = "the clock of the transaction"
mend = "use clock_timestamp()"
paths = ["**/*.{rs,sql}"]
columns = ["*_at"]

[[guard]]
id = "no-later"
rule = "work-has-an-owner"
kind = "regex"
mode = "block"
message = "work without an owner"
mend = "name one"
paths = ["**"]
pattern = '\\bLATER\\b'

[[guard]]
id = "tagged"
rule = "outages-have-tests"
kind = "test-tag"
mode = "block"
message = "no test"
mend = "write it"
paths = ["**/*.rs"]
rca = "2026-11-card-provider-outage"

[[guard]]
id = "long-lines"
rule = "lines-are-short"
kind = "command"
mode = "block"
message = "a long line"
mend = "break it"
command = ["sh", "-c", "! grep -rnE '^.{200}' crates"]
"""


def of_rust(number, chance, has_defect):
    """A function of four lines."""
    call = "unwrap()" if has_defect else "unwrap_or_default()"
    clock = "now()" if has_defect else "clock_timestamp()"
    return (
        f"fn step_{number}(of: &Work) -> Result<u64, Error> {{ // {chance.randrange(10**9)}\n"
        f'    let found = of.query("UPDATE work SET finished_at = {clock}, state = $1 WHERE id = {number}")?;\n'
        f"    Ok(found.rows.first().map(|row| row.count * {number}).{call} + of.items.iter().sum::<u64>())\n"
        "}\n"
    )


def tree(folder):
    """How many defects it holds, for each of the first two guards."""
    chance, written, defects = random.Random(1), 0, 0
    for index in range(LINES // LINES_OF_FILE + 1):
        text = "" if index else "// rca: 2026-11-card-provider-outage\n#[test]\nfn gives_up() {}\n"
        while text.count("\n") < LINES_OF_FILE:
            has_defect = written // DEFECT_EVERY >= defects
            text += of_rust(written, chance, has_defect)
            written, defects = written + 4, defects + has_defect
        place = folder / f"crates/c{index % 20}/src/m{index}.rs"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
    (folder / "guards.toml").write_text(GUARDS)
    return written, defects


def timed(casebook, folder):
    """What a run came to, and how many seconds it took."""
    started = time.monotonic()
    done = subprocess.run([casebook, "guard", "run", "--format", "json"], cwd=folder, capture_output=True, text=True)
    took = time.monotonic() - started
    if done.returncode not in (0, 4):
        sys.exit(f"FAILED: it ended with {done.returncode}: {done.stderr}")
    said = json.loads(done.stdout)
    print(f"{took:.1f} s: {len(said['guards'])} guards, {said['files']} files, {len(said['findings'])} findings")
    if took > SECONDS_MAX or said["crashes"]:
        sys.exit(f"FAILED: {took:.1f} s where {SECONDS_MAX:.0f} are allowed; crashes: {said['crashes']}")
    return said


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--casebook", required=True, type=pathlib.Path)
    casebook = parser.parse_args().casebook.resolve()
    print("this repository: ", end="")
    timed(casebook, ROOT)
    with tempfile.TemporaryDirectory(prefix="casebook-guard-speed-") as folder:
        written, defects = tree(pathlib.Path(folder))
        print(f"{written} lines: ", end="")
        said = timed(casebook, folder)
        found = [sum(each["guard"] == guard for each in said["findings"]) for guard in ("no-unwrap", "wall-clock")]
        if found != [defects, defects]:
            sys.exit(f"FAILED: {defects} defects of each kind are there, and {found} were found")


if __name__ == "__main__":
    main()
