"""Traffic of three services that call each other, from a plan: gateway -> checkout -> payment, fifty requests a second.

Every request is a function of its number, so each service's exporter works out its own spans, on its own schedule, and
none knows the others. Knows nothing of incidents.
"""

import pathlib
import random
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from otlp_json import CLIENT, export_request, span  # noqa: E402
from processes import Failed, Http, taken_whole  # noqa: E402  (a sibling of this folder, not a package)

ENV = "cascade"
REQUESTS_PER_SECOND = 50
SERVICES = ("gateway", "checkout", "payment")
OPERATIONS = {"gateway": "POST /orders", "checkout": "POST /checkout", "payment": "POST /charge"}
# What each service says when payment fails: its own fault inside, the callee's answer outside.
CODES = {"gateway": "502", "checkout": "503", "payment": "LedgerCorrupt"}
HOP_NS = 2_000_000
# How often an exporter sends, somewhere in this range for each service.
EXPORT_EVERY_SECONDS = (0.1, 0.5)


class Plan:
    """Which requests there are and how each goes. The same for all three services."""

    def __init__(self, seed, begins, fails):
        self.seed, self.begins, self.fails = seed, begins, fails

    def due(self, number):
        """When request `number` is over, in nanoseconds of the wall clock."""
        return self.begins + number * 1_000_000_000 // REQUESTS_PER_SECOND

    def spans(self, service, number):
        """The spans with which one service tells of one request."""
        dice = random.Random(f"{self.seed}/{number}")
        trace = dice.randbytes(16).hex()
        took = dice.randrange(10_000_000, 25_000_000)
        ended = self.due(number)
        failed = ended >= self.fails
        spans, parent = [], None
        for depth, name in enumerate(SERVICES):
            served, calls = dice.randbytes(8).hex(), dice.randbytes(8).hex()
            times = (ended - took + depth * HOP_NS, ended - depth * HOP_NS)
            code = CODES[name] if failed else None
            own = [span(trace, served, OPERATIONS[name], *times, parent=parent, code=code)]
            if depth + 1 < len(SERVICES):
                callee = SERVICES[depth + 1]
                inside = (times[0] + HOP_NS // 2, times[1] - HOP_NS // 2)
                code = "500" if failed else None
                own.append(span(trace, calls, f"call {callee}", *inside, kind=CLIENT, parent=served, code=code))
            if name == service:
                spans = own
            parent = calls
        return spans


class Exporter(threading.Thread):
    """One service's exporter: sends what has ended since the last time, again and again."""

    def __init__(self, address, plan, service, stop):
        super().__init__(name=service)
        self.http, self.plan, self.service, self.stop = Http(address), plan, service, stop
        dice = random.Random(f"{plan.seed}/{service}")
        self.every = dice.uniform(*EXPORT_EVERY_SECONDS)
        self.sent = 0
        self.problem = None
        # When the first batch that carried a failing span set out, on the monotonic clock.
        self.first_failure_sent = None

    def run(self):
        try:
            while not self.stop.wait(self.every):
                self.flush()
        except (Failed, OSError) as problem:
            self.problem = problem

    def flush(self):
        now, first, spans = time.time_ns(), self.sent, []
        while self.plan.due(self.sent) <= now:
            spans += self.plan.spans(self.service, self.sent)
            self.sent += 1
        if not spans:
            return
        body = export_request(self.service, ENV, spans)
        if self.first_failure_sent is None and self.plan.due(self.sent - 1) >= self.plan.fails:
            self.first_failure_sent = time.monotonic()
        status, text = self.http.export(body)
        if not taken_whole(status, text):
            raise Failed(f"{self.service} sent requests {first} to {self.sent - 1} and got {status} {text[:300]!r}")
