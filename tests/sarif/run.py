"""What `casebook guard run --format sarif` prints is SARIF 2.1.0, and a viewer shows it.

Guards of a made-up tree find new, old and waived things, in files with odd names, and one cannot run. Their SARIF is held
against the public schema, beside files that are broken on purpose, and shown by a viewer that others wrote, in a browser
without a window. Standard library only; Node and the browser are programs of the system.

usage: run.py --casebook PROGRAM --schema FILE --browser PROGRAM
"""

import argparse
import copy
import html
import json
import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
SECONDS_MAX = 120
# In the browser's own time: it ends as soon as nothing is left to do.
RENDER_MS = 10_000
PACKAGES = HERE / "node_modules"
SCRIPTS = (
    "react/umd/react.production.min.js",
    "react-dom/umd/react-dom.production.min.js",
    "@microsoft/sarif-web-component/dist/index.js",
)
HOSTILE = "</script><img src=x onerror=\"document.title='ran'\">"
GUARDS = """
[[guard]]
id = "no-unwrap"
rule = "errors-are-told"
kind = "regex"
mode = "block"
message = "an <i>unwrap</i>"
mend = "tell the error"
paths = ["src/**"]
pattern = '\\.unwrap\\(\\)'

[[guard]]
id = "no-later"
rule = "work-has-an-owner"
kind = "regex"
mode = "report"
message = "work without an owner"
mend = "name one"
paths = ["src/**"]
pattern = 'LATER'

[[guard]]
id = "gone"
rule = "checks-run"
kind = "command"
mode = "warn"
message = "a check that is not there"
mend = "write it"
command = ["./gone.sh"]

[[waiver]]
guard = "no-unwrap"
path = "src/waived.rs"
owner = "Ana"
reason = "It goes next week."
expires = 2999-12-31
"""
FILES = {
    "src/a.rs": "fn a() {\n    a.unwrap();\n}\n",
    "src/odd ä%#name.rs": f"// {HOSTILE}\nb.unwrap(); // {HOSTILE}\n",
    "src/waived.rs": "c.unwrap();\n",
    "src/old.rs": "// LATER\n",
}


class Failed(Exception):
    """The text says what."""


def ran(*command, folder, codes=(0,)):
    command = [str(word) for word in command]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=SECONDS_MAX)
    if done.returncode not in codes:
        raise Failed(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout


def sarif_of(casebook, folder):
    (folder / "guards.toml").write_text(GUARDS)
    for path, text in FILES.items():
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_text(text)
    ran(casebook, "guard", "baseline", "--start", "no-later", folder=folder)
    return json.loads(ran(casebook, "guard", "run", "--format", "sarif", folder=folder, codes=(4,)))


def broken(log):
    """Twins of it, each with something that the schema does not allow."""

    def twin(change):
        other = copy.deepcopy(log)
        change(other, other["runs"][0])
        return other

    return (
        twin(lambda log, _: log.update(version="2.2.0")),
        twin(lambda _, run: run.pop("tool")),
        twin(lambda _, run: run["results"][0].update(level="fatal")),
        twin(lambda _, run: run["results"][0].update(colour="red")),
        twin(lambda _, run: run["results"][0]["locations"][0]["physicalLocation"]["region"].update(startLine=0)),
    )


def demand_valid(schema, log, folder):
    files = []
    for index, each in enumerate((log, *broken(log))):
        files.append(folder / f"{index}.sarif")
        files[-1].write_text(json.dumps(each))
    told = ran("node", HERE / "validate.js", schema, *files, folder=folder).splitlines()
    sound, *twins = (json.loads(line) for line in told)
    if sound is not True:
        raise Failed(f"the schema has this against it: {sound}")
    if True in twins:
        raise Failed(f"the schema has nothing against the broken twin {twins.index(True)}")
    print(f"the schema takes it, and refuses {len(twins)} broken twins")


def demand_shown(browser, log, folder):
    """The viewer shows each finding with its place and its message, and nothing of them acts."""
    scripts = "".join(f'<script src="{(PACKAGES / name).as_uri()}"></script>' for name in SCRIPTS)
    text = json.dumps(log).replace("<", "\\u003c")
    shown = {"Baseline": {"value": ["new", "unchanged"]}, "Suppression": {"value": ["unsuppressed", "suppressed"]}}
    page = folder / "page.html"
    page.write_text(
        f'<!doctype html><meta charset="utf-8"><title>quiet</title><div id="viewer"></div>{scripts}<script>'
        f"ReactDOM.render(React.createElement(Viewer, {{logs: [{text}], filterState: {json.dumps(shown)}}}),"
        'document.getElementById("viewer"))</script>'
    )
    options = ("--no-sandbox", "--disable-gpu", f"--virtual-time-budget={RENDER_MS}", "--dump-dom")
    dom = ran(browser, *options, page.as_uri(), folder=folder)
    if "<title>quiet</title>" not in dom:
        raise Failed("text of a finding ran as a script")
    dom = re.sub(r"<(style|script)\b.*?</\1>", "", dom, flags=re.DOTALL)
    text = html.unescape(re.sub(r"<[^>]+>", "", dom))
    run = log["runs"][0]
    new = [result for result in run["results"] if result["ruleId"] == "no-unwrap"]
    expected = [run["tool"]["driver"]["name"], "no-unwrap", "no-later", "a.unwrap();"]
    expected += [result["message"]["text"] for result in new]
    expected += ["/a.rs", "/waived.rs"]
    missing = [what for what in expected if what not in text]
    if missing:
        raise Failed(f"the viewer does not show {missing}:\n{text[:2000]}")
    print(f"the viewer shows {len(new)} findings with their places")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--casebook", required=True, type=pathlib.Path)
    parser.add_argument("--schema", required=True, type=pathlib.Path)
    parser.add_argument("--browser", required=True)
    arguments = parser.parse_args()
    try:
        with tempfile.TemporaryDirectory(prefix="casebook-sarif-") as folder:
            tree = pathlib.Path(folder) / "tree"
            tree.mkdir()
            log = sarif_of(arguments.casebook.resolve(), tree)
            demand_valid(arguments.schema.resolve(), log, pathlib.Path(folder))
            demand_shown(arguments.browser, log, pathlib.Path(folder))
    except Failed as failed:
        sys.exit(f"FAILED: {failed}")


if __name__ == "__main__":
    main()
