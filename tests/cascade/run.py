"""One cascade is one incident: payment fails totally at 50 requests/s, and the time until Casebook says so.

Each run is a server of its own with traffic of its own: healthy first, then every request fails at payment and
therefore at checkout and gateway. It must end with exactly one incident, rooted at payment. Over all runs the median
time from the sending of the first failing span until GET /v1/incidents shows the incident has a limit.
Standard library only.

usage: run.py --casebook PROGRAM [--runs 20] [--at-once 5] [--seed N]
"""

import argparse
import concurrent.futures
import pathlib
import random
import statistics
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from processes import Failed, Http, Server  # noqa: E402  (a sibling of this folder, not a package)
from shop import OPERATIONS, SERVICES, Exporter, Plan  # noqa: E402

MEDIAN_SECONDS_MAX = 3.0
HEALTHY_SECONDS = (8.0, 10.0)
# Long enough for a second incident to show itself where there would be one.
AFTERWARDS_SECONDS = 4.0
OPEN_SECONDS_MAX = 30.0
LOOK_EVERY_SECONDS = 0.02
PORTS = ("--otlp-grpc", "127.0.0.1:0", "--otlp-http", "127.0.0.1:0")


def one_run(program, seed):
    """Plays one cascade and returns how many seconds it took to open."""
    with tempfile.TemporaryDirectory(prefix="casebook-cascade-") as data:
        with Server(program, data, *PORTS) as server:
            return play(server, seed)


def play(server, seed):
    begins = time.time_ns()
    healthy = random.Random(seed).uniform(*HEALTHY_SECONDS)
    plan, stop = Plan(seed, begins, begins + int(healthy * 1e9)), threading.Event()
    exporters = [Exporter(server.ready["otlp_http"], plan, service, stop) for service in SERVICES]
    for exporter in exporters:
        exporter.start()
    api = Http(server.ready["listen"])
    try:
        seen = wait_for_incident(api, exporters, time.monotonic() + healthy + OPEN_SECONDS_MAX)
        time.sleep(AFTERWARDS_SECONDS)
    finally:
        stop.set()
        for exporter in exporters:
            exporter.join()
    for exporter in exporters:
        if exporter.problem:
            raise Failed(str(exporter.problem))
    demand_one_rooted_at_payment(api)
    first = min(exporter.first_failure_sent or float("inf") for exporter in exporters)
    if seen < first:
        raise Failed("an incident opened before anything failed")
    return seen - first


def incidents(api):
    return api.json("/v1/incidents?state=all")["incidents"]


def wait_for_incident(api, exporters, deadline):
    """The time at which the first incident could be seen."""
    while not incidents(api):
        if time.monotonic() > deadline:
            problems = [str(exporter.problem) for exporter in exporters if exporter.problem]
            raise Failed(f"no incident opened {problems or ''}")
        time.sleep(LOOK_EVERY_SECONDS)
    return time.monotonic()


def demand_one_rooted_at_payment(api):
    found = incidents(api)
    if len(found) != 1:
        raise Failed(f"{len(found)} incidents opened: {[incident['summary'] for incident in found]}")
    report = api.json(f"/v1/incidents/{found[0]['id']}/report")
    origin = (found[0]["origin_service"], report["origin"]["service"], report["origin"]["operation"])
    expected = ("payment", "payment", OPERATIONS["payment"])
    if origin != expected:
        raise Failed(f"the origin is {origin}, expected {expected}: {found[0]['summary']}")
    path = [hop["service"] for hop in report["propagation"]]
    # A service has a hop for the request it serves and one for the call it makes.
    services = [service for index, service in enumerate(path) if path[index - 1 : index] != [service]]
    if services != list(reversed(SERVICES)):
        raise Failed(f"the propagation is {path}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--casebook", required=True)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--at-once", type=int, default=5)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().getrandbits(32))
    options = parser.parse_args()
    print(f"cascade test: {options.runs} runs, {options.at_once} at once, seed {options.seed}", flush=True)
    with concurrent.futures.ThreadPoolExecutor(options.at_once) as pool:
        runs = [pool.submit(one_run, options.casebook, options.seed + number) for number in range(options.runs)]
    seconds, failures = [], []
    for number, run in enumerate(runs):
        try:
            seconds.append(run.result())
        except Failed as failure:
            failures.append(f"run {number} (--runs 1 --seed {options.seed + number}): {failure}")
    print("seconds to open, sorted: " + " ".join(f"{value:.2f}" for value in sorted(seconds)))
    if failures:
        raise Failed(f"{len(failures)} of {options.runs} runs:\n" + "\n".join(failures))
    median = statistics.median(seconds)
    if median > MEDIAN_SECONDS_MAX:
        raise Failed(f"the median is {median:.2f} s, at most {MEDIAN_SECONDS_MAX} s is allowed")
    print(f"cascade test: {options.runs} cascades, one incident each, rooted at payment; median {median:.2f} s to open")


if __name__ == "__main__":
    try:
        main()
    except Failed as failure:
        sys.exit(f"cascade test FAILED: {failure}")
