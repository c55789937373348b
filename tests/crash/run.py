"""kill -9 at random moments under load, and an account of every event afterwards. Standard library only.

Each round starts the server on the same data, sends traces from several threads, kills it without warning and
starts it again. What was acknowledged must be there; what was not is sent again under the same ids, as an SDK
does, and so every event must be counted exactly once in the end; and the reports must replay.

usage: run.py --casebook PROGRAM [--rounds 50] [--seed N]
"""

import argparse
import http.client
import json
import pathlib
import random
import re
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from otlp_json import export_request, span  # noqa: E402
from processes import Failed, Http, Server, taken_whole  # noqa: E402  (a sibling of this folder, not a package)

SENDERS = 4
TRACES_PER_BATCH = 10
# About this pause between a sender's batches: enough load that a kill meets open requests, little enough to check all.
PAUSE_SECONDS = 0.02
KILL_AFTER_SECONDS = (0.05, 1.5)
COUNT_SECONDS_MAX = 60
# "The start takes seconds": however the server was killed, and however much it has to read again.
START_SECONDS_MAX = 10.0
SERVICE, OPERATION, CODE = "crash-test", "work", "BROKEN"


class Batch:
    """Some traces of one span each. Its bytes are made once: a resend is the same request."""

    def __init__(self, dice, failing):
        self.traces = [dice.randbytes(16).hex() for _ in range(TRACES_PER_BATCH)]
        self.failures = len(self.traces) if failing else 0
        end, code = time.time_ns(), CODE if failing else None
        spans = [span(trace, dice.randbytes(8).hex(), OPERATION, end - 5_000_000, end, code=code) for trace in self.traces]
        self.body = export_request(SERVICE, "crash", spans)


class Ledger:
    """What was sent, what was acknowledged, and what has to be sent again."""

    def __init__(self, seed):
        self.dice = random.Random(seed)
        self.lock = threading.Lock()
        self.acknowledged, self.again, self.refused = [], [], []
        self.failing = False

    def next(self):
        with self.lock:
            if self.again:
                return self.again.pop()
            return Batch(self.dice, self.failing and self.dice.random() < 0.6)

    def settle(self, batch, answer):
        with self.lock:
            if answer == "acknowledged":
                self.acknowledged.append(batch)
            else:
                self.again.append(batch)
                if answer != "lost":
                    self.refused.append(answer)


def send(address, ledger, stop):
    """One sender: batch after batch, until told to stop or the server is gone."""
    connection = Http(address)
    while not stop.wait(PAUSE_SECONDS):
        batch = ledger.next()
        try:
            status, text = connection.export(batch.body)
        except (OSError, http.client.HTTPException):
            ledger.settle(batch, "lost")
            return
        ledger.settle(batch, "acknowledged" if taken_whole(status, text) else f"{status} {text[:300]!r}")


def load(server, ledger, seconds):
    """Sends for a while, then kills the server under the senders' hands."""
    stop = threading.Event()
    address = server.ready["otlp_http"]
    senders = [threading.Thread(target=send, args=(address, ledger, stop)) for _ in range(SENDERS)]
    for sender in senders:
        sender.start()
    time.sleep(seconds)
    server.kill()
    stop.set()
    for sender in senders:
        sender.join()


class Reader(Http):
    """Asks the API for what it must have."""

    def __init__(self, server):
        super().__init__(server.ready["listen"])

    def demand_once(self, batch):
        for trace in batch.traces:
            status, text = self.get(f"/v1/traces/{trace}")
            if status != 200:
                raise Failed(f"trace {trace} was acknowledged and is gone: {status} {text[:300]!r}")
            count = len(json.loads(text)["events"])
            if count != 1:
                raise Failed(f"trace {trace} has {count} events, one was sent")

    def counted(self):
        errors = self.json(f"/v1/errors?service={SERVICE}")["errors"]
        families = [f for f in errors if (f["operation"], f["code"]) == (OPERATION, CODE)]
        return (families[0]["failures"], families[0]["requests"]) if families else (0, 0)


def finish(program, data, ledger):
    """The last start: everything sent, everything there, everything counted once; then an orderly stop."""
    server = Server(program, data, *PORTS)
    reader = Reader(server)
    while ledger.again:
        stop = threading.Event()
        sender = threading.Thread(target=send, args=(server.ready["otlp_http"], ledger, stop))
        sender.start()
        time.sleep(0.2)
        stop.set()
        sender.join()
    for batch in ledger.acknowledged:
        reader.demand_once(batch)
    traces = len(ledger.acknowledged) * TRACES_PER_BATCH
    expected = (sum(batch.failures for batch in ledger.acknowledged), traces)
    deadline = time.monotonic() + COUNT_SECONDS_MAX
    while (counted := reader.counted()) != expected:
        if time.monotonic() > deadline:
            raise Failed(f"failures and requests counted: {counted}, sent: {expected}")
        time.sleep(0.2)
    server.stop()
    return *expected, server.start_seconds


def verify(program, data):
    """What the replay says. That it ends well is not enough: with no report to verify it does so, too."""
    replay = subprocess.run([program, "replay", "--data", data, "--verify"], capture_output=True, text=True)
    if replay.returncode != 0:
        raise Failed(f"replay --verify ended with {replay.returncode}:\n{replay.stdout}{replay.stderr}")
    if not re.search(r"^Verified: [1-9][0-9]* reports? re-derived", replay.stdout, re.MULTILINE):
        raise Failed(f"replay --verify verified no report:\n{replay.stdout}{replay.stderr}")
    return replay.stdout.strip()


PORTS = ("--otlp-grpc", "127.0.0.1:0", "--otlp-http", "127.0.0.1:0", "--tick", "200ms")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--casebook", required=True)
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().getrandbits(32))
    options = parser.parse_args()
    print(f"crash test: {options.rounds} rounds, seed {options.seed}")
    ledger, dice, slowest = Ledger(options.seed), random.Random(options.seed + 1), 0.0
    with tempfile.TemporaryDirectory(prefix="casebook-crash-") as data:
        for number in range(options.rounds):
            server = Server(options.casebook, data, *PORTS)
            slowest = max(slowest, server.start_seconds)
            # Only what the last kill could have hurt is read each time; everything is read at the end.
            reader = Reader(server)
            for batch in ledger.acknowledged[-100:]:
                reader.demand_once(batch)
            ledger.failing = number >= options.rounds // 2
            load(server, ledger, dice.uniform(*KILL_AFTER_SECONDS))
        failures, requests, last_start = finish(options.casebook, data, ledger)
        slowest = max(slowest, last_start)
        replayed = verify(options.casebook, data)
    if ledger.refused:
        raise Failed(f"{len(ledger.refused)} requests were refused, the first with {ledger.refused[0]}")
    if slowest > START_SECONDS_MAX:
        raise Failed(f"the slowest start took {slowest:.1f} s, it may take {START_SECONDS_MAX} s")
    print(replayed)
    print(
        f"crash test: {options.rounds} kills, {requests} events acknowledged, none lost, none counted twice "
        f"({failures} failures); slowest start {slowest:.1f} s"
    )


if __name__ == "__main__":
    try:
        main()
    except Failed as failure:
        sys.exit(f"crash test FAILED: {failure}")
