"""Real OpenTelemetry SDKs against the real server, on the standard ports and paths.

Starts `casebook serve` with its default OTLP addresses on a scratch directory, lets each client send its
trace by each protocol and compression it offers, and asks the server what arrived. Standard library only.

usage: run.py --casebook PROGRAM --rust PROGRAM --python PROGRAM --node PROGRAM
"""

import argparse
import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
STANDARD_PORTS = (4317, 4318)
START_SECONDS_MAX = 30
CLIENT_SECONDS_MAX = 60
ARRIVAL_SECONDS_MAX = 5

# What each SDK offers. None stands for no compression.
MATRIX = {
    "python": {"grpc": [None, "gzip"], "http-protobuf": [None, "gzip"]},
    "javascript": {"grpc": [None, "gzip"], "http-protobuf": [None, "gzip"], "http-json": [None, "gzip"]},
    "rust": {"grpc": [None, "gzip", "zstd"], "http-protobuf": [None, "gzip"], "http-json": [None, "gzip"]},
}


def main():
    options = parse()
    commands = {
        "python": [options.python, str(HERE / "python/client.py")],
        "javascript": [options.node, str(HERE / "javascript/client.js")],
        "rust": [options.rust],
    }
    demand_free_ports()
    failed = 0
    with tempfile.TemporaryDirectory(prefix="casebook-clients-") as data, Server(options.casebook, data) as server:
        for client, protocols in MATRIX.items():
            for protocol, compressions in protocols.items():
                for compression in compressions:
                    name = "-".join([client, protocol, compression or "plain"])
                    problems = one(server, name, [*commands[client], protocol], compression)
                    failed += bool(problems)
                    print(f"{'FAILED' if problems else 'ok':6} {name}")
                    for problem in problems:
                        print(f"       {problem}")
    total = sum(len(c) for protocols in MATRIX.values() for c in protocols.values())
    print(f"SDK clients: {total - failed} of {total} passed")
    return 1 if failed else 0


def parse():
    parser = argparse.ArgumentParser()
    for program in ("casebook", "rust", "python", "node"):
        parser.add_argument(f"--{program}", required=True)
    return parser.parse_args()


def demand_free_ports():
    for port in STANDARD_PORTS:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError as error:
                raise SystemExit(
                    f"127.0.0.1:{port} is taken ({error.strerror}). This test uses the standard OTLP ports, because the "
                    "SDKs' defaults are what it is about: stop what listens there (an OpenTelemetry Collector?) and try again."
                ) from error


class Server:
    """The real server for the time of the test; its log is shown when it fails."""

    def __init__(self, program, data):
        # Nothing of the caller's settings may reach the server: the defaults are under test.
        env = {name: value for name, value in os.environ.items() if not name.startswith("CASEBOOK_")}
        command = [program, "serve", "--data", data, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"]
        self.log = tempfile.TemporaryFile()
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.log, env=env)
        watchdog = threading.Timer(START_SECONDS_MAX, self.process.kill)
        watchdog.start()
        line = self.process.stdout.readline()
        watchdog.cancel()
        if not line:
            self.process.wait()
            raise SystemExit(f"the server did not start ({self.process.returncode}):\n{self.said()}")
        self.url = "http://" + json.loads(line)["listen"]

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.process.terminate()
        try:
            code = self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise SystemExit(f"the server did not stop:\n{self.said()}") from None
        if kind is None and code != 0:
            raise SystemExit(f"the server ended with {code}:\n{self.said()}")

    def said(self):
        self.log.seek(0)
        return self.log.read().decode(errors="replace")[-4000:]

    def trace(self, trace_id):
        """The trace as the server tells it, or None."""
        deadline = time.monotonic() + ARRIVAL_SECONDS_MAX
        while True:
            try:
                with urllib.request.urlopen(f"{self.url}/v1/traces/{trace_id}", timeout=10) as reply:
                    trace = json.load(reply)
            except urllib.error.HTTPError as error:
                if error.code != 404:
                    raise
                trace = None
            if (trace and len(trace["events"]) >= 2) or time.monotonic() > deadline:
                return trace
            time.sleep(0.05)


def one(server, name, command, compression):
    """Lets one client send and returns what is wrong with what arrived."""
    env = {key: value for key, value in os.environ.items() if not key.startswith("OTEL_")}
    env["OTEL_SERVICE_NAME"] = name
    env["OTEL_RESOURCE_ATTRIBUTES"] = "service.version=1.4.2,deployment.environment.name=clients,service.instance.id=one"
    if compression:
        env["OTEL_EXPORTER_OTLP_COMPRESSION"] = compression
    try:
        done = subprocess.run(command, capture_output=True, text=True, env=env, timeout=CLIENT_SECONDS_MAX)
    except subprocess.TimeoutExpired:
        return [f"the client did not end within {CLIENT_SECONDS_MAX} s"]
    if done.returncode != 0:
        return [f"the client ended with {done.returncode}: {done.stderr.strip()[-1500:]}"]
    sent = json.loads(done.stdout.splitlines()[-1])
    trace = server.trace(sent["trace_id"])
    if trace is None:
        return [f"trace {sent['trace_id']} did not arrive; the client said: {done.stderr.strip()[-1500:]}"]
    return compare(expected(name, sent), {event["span_id"]: event for event in trace["events"]})


def expected(name, sent):
    common = {"service": name, "env": "clients", "version": "1.4.2", "instance": "one"}
    return {
        sent["parent"]: {
            **common,
            "parent_span_id": None,
            "kind": "server",
            "operation": "POST /orders/{id}",
            "status": "ok",
            "failure": None,
        },
        sent["child"]: {
            **common,
            "parent_span_id": sent["parent"],
            "kind": "client",
            "operation": "charge card",
            "peer": "cards.example",
            "status": "error",
            "failure": {"code": sent["code"], "reason": "card refused"},
        },
    }


def compare(expected_events, events):
    problems = []
    if set(events) != set(expected_events):
        problems.append(f"spans {sorted(events)} arrived, {sorted(expected_events)} were sent")
    for span, fields in expected_events.items():
        for field, value in fields.items():
            found = events.get(span, {}).get(field)
            if found != value:
                problems.append(f"span {span}: {field} is {found!r}, expected {value!r}")
    return problems


if __name__ == "__main__":
    sys.exit(main())
