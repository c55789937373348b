"""From an outage to a rule that is kept: one session in the register, as a person would type it.

`casebook demo` plays a bad deploy; from its incident a document is drafted, its questions are answered, it is linted and
indexed; it makes a permanent rule, whose guard is red before the fix and green after; its follow-up is done with evidence;
it is reviewed, published and closed. What must be refused on the way is tried as well. Standard library only.

usage: run.py --casebook PROGRAM
"""

import argparse
import datetime
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from processes import Failed, Server  # noqa: E402  (a sibling of this folder, not a package)

SESSION_SECONDS_MAX = 240
PORTS = ("--otlp-grpc", "127.0.0.1:0", "--otlp-http", "127.0.0.1:0")
RULE = "no-price-is-an-answer"
SOURCE = "src/price.rs"
BROKEN = "pub fn price(prices: &Prices, of: &Order) -> Option<i64> {\n    Some(prices[&of.currency] * of.count)\n}\n"
MENDED = BROKEN.replace("prices[&of.currency]", "prices.get(&of.currency)?")
GUARDS = f"""[[guard]]
id = "{RULE}"
rule = "{RULE}"
kind = "ast"
mode = "report"
message = "a price list that is taken to have every currency"
mend = "ask it with get, and answer that there is no price"
language = "rust"
paths = ["src/**/*.rs"]
pattern = "prices[$CURRENCY]"

[guard.fixtures]
must_fail = [{{ path = "src/orders/a.rs", text = "fn f() {{ prices[&a.currency]; }}" }}]
must_pass = [{{ path = "src/a.rs", text = "fn f() {{ prices.get(&a.currency); }}" }}]
"""
FOLLOW_UP = """[[follow_up]]
id = "F1"
what = "A guard that finds lists of prices which are taken to be complete"
class = "test"
intent = "prevent"
owner = "Ana"
due = 2099-12-05
verify = "casebook guard prove --check"
status = "open"
"""
ANSWERS = {
    "owner_layer": '"checkout"',
    "domain": '"checkout"',
    "contributing_factors": '["Tests have one currency."]',
}
# In the order of the sections.
SENTENCES = (
    "In checkout orders in a currency without a price ended with an error.",
    "Such customers could not order while the version was out.",
    "The first that was seen was the incident itself.",
    "Code of checkout took the price list to have every currency.",
    "Tests had a list with every currency that they asked for.",
    "The version was rolled back by hand.",
)


class Session:
    """A repository, and what is typed in it."""

    def __init__(self, program, folder):
        self.program, self.folder = program, folder
        self.env = {key: value for key, value in os.environ.items() if not key.startswith(("CASEBOOK_", "GIT_"))}
        self.git("init", "--quiet")

    def run(self, *command):
        return subprocess.run(
            command, cwd=self.folder, env=self.env, capture_output=True, text=True, timeout=SESSION_SECONDS_MAX
        )

    def git(self, *arguments):
        who = ("-c", "user.name=Ana", "-c", "user.email=ana@example.com", "-c", "commit.gpgsign=false")
        done = self.run("git", *who, *arguments)
        if done.returncode:
            raise Failed(f"git {arguments}: {done.stderr}")
        return done.stdout.strip()

    def commit(self, what):
        self.git("add", "--all")
        self.git("commit", "--quiet", "-m", what)
        return self.git("rev-parse", "HEAD")

    def casebook(self, *arguments, says="", code=0):
        """What it prints, where it ends as it should and says what it should."""
        done = self.run(self.program, *arguments)
        told = done.stdout + done.stderr
        if done.returncode != code or says not in told:
            raise Failed(f"casebook {' '.join(arguments)} ended with {done.returncode}, not {code} and {says!r}:\n{told}")
        print(f"  casebook {' '.join(arguments)}" + (f"   (ends with 4: {says})" if code == 4 else ""))
        return done.stdout

    def write(self, path, text):
        place = self.folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)


class Document:
    """The document that is worked on."""

    def __init__(self, path):
        self.path = path

    def text(self):
        return self.path.read_text()

    def change(self, what, to):
        """Once, and it has to be there."""
        text = self.text()
        if text.count(what) != 1:
            raise Failed(f"{what!r} stands {text.count(what)} times in\n{text}")
        self.path.write_text(text.replace(what, to))

    def key(self, key, value):
        _, front, body = self.text().split("+++\n", 2)
        front, count = re.subn(rf"(?m)^{key} = .*$", lambda _: f"{key} = {value}", front)
        if count != 1:
            raise Failed(f"{key} stands {count} times in\n{front}")
        self.path.write_text(f"+++\n{front}+++\n{body}")


def incident_of(program, folder):
    """A bad deploy, from the first failure to the report; the server's data stays."""
    data = folder / "data"
    command = [program, "demo", "--scenario", "bad-deploy", "--healthy", "10s", "--duration", "6s", "--data", str(data)]
    played = subprocess.run(command, capture_output=True, text=True, timeout=SESSION_SECONDS_MAX)
    if played.returncode:
        raise Failed(f"the demo ended with {played.returncode}:\n{played.stdout}{played.stderr}")
    print("  casebook demo --scenario bad-deploy")
    return data


def drafted(session, server, incident):
    """The document, drafted from the newest report."""
    at = ("--server", server)
    session.casebook("rca", "required", incident, "--severity", "SEV-1", *at, code=4, says="SEV-1")
    session.casebook("rca", "new", "--from-incident", incident, "--author", "Ana", "--severity", "SEV-1", *at)
    (path,) = (session.folder / "doc/rca").glob("*.md")
    return Document(path)


def answered(session, document):
    """What only people know, where the draft asks for it. Until then it passes no review."""
    name = str(document.path.relative_to(session.folder))
    session.casebook("rca", "lint", name, says="warning")
    document.key("status", '"in_review"')
    session.casebook("rca", "lint", name, code=4, says="[placeholder]")
    detected = datetime.datetime.fromisoformat(re.search(r"(?m)^detected = (\S+)$", document.text())[1])
    # Quick, for what comes after has to have been as well when the document is closed.
    later = [detected + datetime.timedelta(seconds=seconds) for seconds in (1, 2, 3)]
    for key, at in zip(("owner_identified", "mitigated", "resolved"), later, strict=True):
        text, count = re.subn(rf"(?m)^# \?\?\? {key} = .*$", f"{key} = {at.isoformat()}", document.text())
        if count != 1:
            raise Failed(f"the draft does not ask for {key}:\n{text}")
        document.path.write_text(text)
    for key, value in ANSWERS.items():
        document.key(key, value)
    text = re.sub(r"(?m)^# \?\?\? .*\n", "", document.text())
    for sentence in SENTENCES:
        text = re.sub(r"\*\*\?\?\?\*\* .*", lambda _: sentence, text, count=1)
    text = re.sub(r"\*\*\?\?\?\*\* .*\n\n", "", text)
    asked = r"(?s)(?<=```toml\n)# \[\[follow_up\]\].*?(?=```)"
    document.path.write_text(re.sub(asked, lambda _: FOLLOW_UP, text))
    session.casebook("rca", "lint", name, says="1 document, 0 errors, 0 warnings")
    return name


def indexed(session, document):
    session.casebook("rca", "register", says="README.md: written")
    session.casebook("rca", "doctor", says="0 errors")
    document.change("orders in a currency without a price", "all orders in a currency without a price")
    session.casebook("rca", "register", "--check", code=4, says="is not made from the documents as they are")
    session.casebook("rca", "register", says="written")


def ruled(session, document, fix):
    """The rule, unenforced at first; its guard, red before the fix and green after."""
    sentence = "A currency without a price is answered, and ends no order with an error."
    rule = f'{{ id = "{RULE}", kind = "coding-standard", rule = "{sentence}" }}'
    document.key("permanent_rules", f"[{rule}]")
    session.casebook("rca", "stats", says=f"unenforced: {RULE}")
    session.write("guards.toml", GUARDS)
    session.casebook("guard", "test", says="2 held, 0 did not")
    session.casebook("guard", "mutate", says=", 0 not")
    other = session.commit("the guard")
    session.casebook("guard", "prove", RULE, "--fix", other, code=4, says="not proved: nothing is found before")
    session.casebook("guard", "prove", RULE, "--fix", fix, says="red before ")
    session.casebook("guard", "prove", "--check", says="1 proof holds, 0 do not")
    session.casebook("guard", "graduate", "--check", says="more runs")
    session.casebook("guard", "run", says="0 notes")
    session.write(SOURCE, BROKEN)
    session.casebook("guard", "run", says=f"{SOURCE}:2:10: note: a price list that is taken to have every currency [{RULE}]")
    session.write(SOURCE, MENDED)
    session.casebook("rca", "why", RULE, says="Kept by")
    session.casebook("rca", "register", says="1 rule: 0 block, 0 warn, 1 report, 0 unenforced")


def closed(session, document, name, fix):
    """The follow-up is done with evidence newer than the fix, and somebody else has reviewed it."""
    fixed = datetime.datetime.fromisoformat(re.search(r"(?m)^resolved = (\S+)$", document.text())[1])
    second = datetime.timedelta(seconds=1)
    left = fixed + 3 * second - datetime.datetime.now(datetime.timezone.utc)
    time.sleep(max(0, left.total_seconds()))
    document.key("fixes", f'[{{ commit = "{fix}", at = {(fixed + second).isoformat()} }}]')
    document.key("status", '"closed"')
    document.key("reviewers", '[{ name = "Ana", layer = "edge" }]')
    session.casebook("rca", "lint", name, code=4, says="Ana` is an author")
    document.key("reviewers", '[{ name = "Ben", layer = "checkout" }]')
    session.casebook("rca", "lint", name, code=4, says="is of the owner layer")
    document.key("reviewers", '[{ name = "Ben", layer = "edge" }]')
    session.casebook("rca", "lint", name, code=4, says="[closed-open]")
    old, new = fixed.isoformat(), (fixed + 2 * second).isoformat()
    document.change('status = "open"', f'status = "done"\nevidence = {{ what = "1 proof holds", at = {old} }}')
    session.casebook("rca", "lint", name, code=4, says="[evidence-old]")
    later = (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=1)).isoformat(timespec="seconds")
    document.change(f"at = {old} }}", f"at = {later} }}")
    session.casebook("rca", "lint", name, code=4, says="[not-yet]")
    document.change(f"at = {later} }}", f"at = {new} }}")
    document.key("status", '"published"')
    session.casebook("rca", "lint", name, says="0 errors, 0 warnings")
    document.key("status", '"closed"')
    session.casebook("rca", "register", says="written")
    session.casebook("rca", "doctor", says="1 document, 0 errors, 0 warnings")
    session.casebook("rca", "overdue", says="no follow-up is overdue")
    session.commit("the lesson")


def play(program, folder):
    data = incident_of(program, folder)
    (folder / "shop").mkdir()
    session = Session(program, folder / "shop")
    session.write(SOURCE, BROKEN)
    session.commit("orders have prices")
    session.write(SOURCE, MENDED)
    fix = session.commit("a currency without a price is answered")
    with Server(program, str(data), *PORTS) as server:
        url = f"http://{server.ready['listen']}"
        listed = session.casebook("incidents", "--state", "all", "--json", "--server", url)
        (incident,) = (each["id"] for each in json.loads(listed)["incidents"])
        document = drafted(session, url, incident)
    name = answered(session, document)
    indexed(session, document)
    ruled(session, document, fix)
    closed(session, document, name, fix)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--casebook", required=True, type=pathlib.Path)
    program = str(parser.parse_args().casebook.resolve())
    try:
        with tempfile.TemporaryDirectory(prefix="casebook-register-") as folder:
            play(program, pathlib.Path(folder))
    except Failed as failed:
        sys.exit(f"FAILED: {failed}")
    print("from the outage to a closed document whose rule is kept: all as it should be")


if __name__ == "__main__":
    main()
