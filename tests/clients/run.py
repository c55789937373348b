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
import time
import urllib.error
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from processes import Failed, Http, Server  # noqa: E402  (a sibling of this folder, not a package)

HERE = pathlib.Path(__file__).resolve().parent
STANDARD_PORTS = (4317, 4318)
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
    with tempfile.TemporaryDirectory(prefix="casebook-clients-") as data:
        # No OTLP address is given: the defaults are under test.
        with Server(options.casebook, data) as server:
            failed = run_all("http://" + server.ready["listen"], Http(server.ready["admin"]), commands)
    total = sum(len(c) for protocols in MATRIX.values() for c in protocols.values())
    print(f"SDK clients: {total - failed} of {total} passed")
    return 1 if failed else 0


def run_all(url, admin, commands):
    """Runs every cell of the matrix and returns how many failed."""
    failed = 0
    for client, protocols in MATRIX.items():
        for protocol, compressions in protocols.items():
            for compression in compressions:
                name = "-".join([client, protocol, compression or "plain"])
                problems = one(url, admin, name, [*commands[client], protocol], compression)
                failed += bool(problems)
                print(f"{'FAILED' if problems else 'ok':6} {name}")
                for problem in problems:
                    print(f"       {problem}")
    return failed


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


def read_trace(url, trace_id):
    """The trace as the server tells it, or None."""
    deadline = time.monotonic() + ARRIVAL_SECONDS_MAX
    while True:
        try:
            with urllib.request.urlopen(f"{url}/v1/traces/{trace_id}", timeout=10) as reply:
                trace = json.load(reply)
        except urllib.error.HTTPError as error:
            if error.code != 404:
                raise
            trace = None
        if (trace and len(trace["events"]) >= 2) or time.monotonic() > deadline:
            return trace
        time.sleep(0.05)


def one(url, admin, name, command, compression):
    """Lets one client send and returns what is wrong with what arrived."""
    env = {key: value for key, value in os.environ.items() if not key.startswith("OTEL_")}
    env["OTEL_SERVICE_NAME"] = name
    env["OTEL_RESOURCE_ATTRIBUTES"] = "service.version=1.4.2,deployment.environment.name=clients,service.instance.id=one"
    if compression:
        env["OTEL_EXPORTER_OTLP_COMPRESSION"] = compression
    before = counted(admin)
    try:
        done = subprocess.run(command, capture_output=True, text=True, env=env, timeout=CLIENT_SECONDS_MAX)
    except subprocess.TimeoutExpired:
        return [f"the client did not end within {CLIENT_SECONDS_MAX} s"]
    if done.returncode != 0:
        return [f"the client ended with {done.returncode}: {done.stderr.strip()[-1500:]}"]
    sent = json.loads(done.stdout.splitlines()[-1])
    trace = read_trace(url, sent["trace_id"])
    if trace is None:
        return [f"trace {sent['trace_id']} did not arrive; the client said: {done.stderr.strip()[-1500:]}"]
    problems = compare(expected(name, sent), {event["span_id"]: event for event in trace["events"]})
    return problems + compare_counts(expected_counts(name, sent), before, counted(admin))


def counted(admin):
    """How many items of each surface were accepted, rejected and warned of, by the series of the server's metrics."""
    status, page = admin.get("/metrics")
    if status != 200:
        raise Failed(f"/metrics answered {status}")
    counts = {}
    for line in page.decode().splitlines():
        if line.startswith("casebook_ingest_events_"):
            series, value = line.rsplit(" ", 1)
            counts[series] = float(value)
    return counts


def expected_counts(name, sent):
    surface = "otlp_grpc" if "-grpc-" in name else "otlp_http"
    accepted = 'casebook_ingest_events_accepted_total{surface="%s"}'
    counts = {accepted % surface: 2}
    # Not every client of the matrix sends all kinds.
    for kind, items in (("logs", sent.get("log_records")), ("metrics", sent.get("data_points"))):
        if items:
            counts[accepted % f"{surface}_{kind}"] = items
    return counts


def compare_counts(expected, before, after):
    """What was counted must be what was sent, as accepted, and nothing as rejected or as warned of."""
    found = {series: value - before.get(series, 0) for series, value in after.items()}
    found = {series: value for series, value in found.items() if value}
    return [] if found == expected else [f"the server counted {found}, expected {expected}"]


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
    try:
        sys.exit(main())
    except Failed as failure:
        sys.exit(str(failure))
