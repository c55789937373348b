"""The real Alertmanager tells Casebook of an outage: a group of three alerts, resends, resolves, and one that comes back.

Payment fails, so an incident opens. Three alerts of payment are posted to Alertmanager, which sends them to Casebook's
webhook endpoint again and again, and then says that they are over, one by one. The incident's report must show three
alerts, each with its history, and nothing of an alert of another service. Standard library only.

usage: run.py --casebook PROGRAM --alertmanager PROGRAM
"""

import argparse
import datetime
import json
import os
import pathlib
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from alertmanager import Alertmanager  # noqa: E402  (a sibling of this file)
from otlp_json import export_request, span  # noqa: E402
from processes import Failed, Http, Server, taken_whole  # noqa: E402  (a sibling of this folder, not a package)

ENV = "prod"
HEALTHY_SECONDS = 8
REQUESTS_EACH_TIME = 5
SEND_EVERY_SECONDS = 0.1
# For each thing that is waited for; a machine under load may be slow.
WAIT_SECONDS_MAX = 180
PORTS = ("--otlp-grpc", "127.0.0.1:0", "--otlp-http", "127.0.0.1:0")

# Each says in its own way what it is about; none names an environment.
LABELS = {
    "PaymentErrors": {"service": "payment", "severity": "critical"},
    "PaymentSlow": {"job": "payment", "severity": "warning"},
    "PaymentQueue": {"app": "payment", "severity": "info"},
}
UNRELATED = {"CatalogSlow": {"service": "catalog", "severity": "warning"}}


class Traffic(threading.Thread):
    """Requests to payment and catalog; those of payment fail once `failing` is set."""

    def __init__(self, address):
        super().__init__(name="traffic")
        self.http, self.failing, self.stop, self.problem = Http(address), threading.Event(), threading.Event(), None

    def run(self):
        try:
            while not self.stop.wait(SEND_EVERY_SECONDS):
                self.send("payment", "LedgerCorrupt" if self.failing.is_set() else None)
                self.send("catalog", None)
        except (Failed, OSError) as problem:
            self.problem = problem

    def send(self, service, code):
        now = time.time_ns()
        spans = [
            span(os.urandom(16).hex(), os.urandom(8).hex(), "POST /charge", now - 5_000_000, now, code=code)
            for _ in range(REQUESTS_EACH_TIME)
        ]
        status, text = self.http.export(export_request(service, ENV, spans))
        if not taken_whole(status, text):
            raise Failed(f"{service} sent {len(spans)} spans and got {status} {text[:300]!r}")


class Casebook(Http):
    """What is asked of the server."""

    def __init__(self, address, traffic):
        super().__init__(address)
        self.traffic = traffic

    def wait(self, what, look):
        """What `look` finds, once it finds something."""
        deadline = time.monotonic() + WAIT_SECONDS_MAX
        while not (found := look()):
            if self.traffic.problem:
                raise Failed(f"traffic: {self.traffic.problem}")
            if time.monotonic() > deadline:
                raise Failed(f"waited {WAIT_SECONDS_MAX} s for {what}; alerts: {json.dumps(self.json('/v1/alerts'))}")
            time.sleep(0.1)
        return found

    def incident(self):
        return self.wait("an incident", lambda: self.json("/v1/incidents")["incidents"])[0]["id"]

    def alerts_of(self, incident):
        """The report's alerts by their title."""
        report = self.json(f"/v1/incidents/{incident}/report")
        return {alert["title"]: alert for alert in report["alerts"]}

    def wait_for_alerts(self, what, incident, holds):
        def look():
            alerts = self.alerts_of(incident)
            return alerts if holds(alerts) else None

        return self.wait(what, look)


def posted(names, started, *, ended=None):
    """Alerts as Prometheus posts them."""
    labels = {**LABELS, **UNRELATED}
    ends = {"endsAt": ended} if ended else {}
    return [
        {
            "labels": {"alertname": name, "alertgroup": "shop", **labels[name]},
            "annotations": {"summary": f"{name} is too high"},
            "startsAt": started,
            "generatorURL": "http://prometheus.example:9090/graph",
            **ends,
        }
        for name in names
    ]


def now():
    return datetime.datetime.now(datetime.timezone.utc).isoformat()


def statuses(alert):
    return [change["status"] for change in alert["history"]]


def play(casebook, alertmanager, traffic):
    time.sleep(HEALTHY_SECONDS)
    traffic.failing.set()
    incident = casebook.incident()
    started = now()
    alertmanager.post(posted([*LABELS, *UNRELATED], started))

    told_again = lambda alerts: len(alerts) == 3 and all(alert["times"] >= 3 for alert in alerts.values())  # noqa: E731
    alerts = casebook.wait_for_alerts("three alerts and their resends", incident, told_again)
    demand(sorted(alerts) == sorted(LABELS), f"the report shows {sorted(alerts)}")
    for name, alert in alerts.items():
        demand(statuses(alert) == ["firing"], f"{name}: resends changed its history: {alert['history']}")
        demand(alert["env"] == ENV, f"{name}: its env is {alert['env']}, it can only be {ENV}")
        demand((alert["service"], alert["provider"]) == ("payment", "alertmanager"), f"{name}: {alert}")
        demand(alert["severity"] == LABELS[name]["severity"], f"{name}: {alert}")

    alertmanager.post(posted(["PaymentSlow"], started, ended=now()))
    over = lambda alerts: alerts["PaymentSlow"]["status"] == "resolved"  # noqa: E731
    alerts = casebook.wait_for_alerts("one alert's end", incident, over)
    demand(statuses(alerts["PaymentSlow"]) == ["firing", "resolved"], f"{alerts['PaymentSlow']['history']}")
    demand(alerts["PaymentErrors"]["status"] == "firing", "one alert's end ended another")

    alertmanager.post(posted(["PaymentSlow"], now()))
    back = lambda alerts: alerts["PaymentSlow"]["status"] == "firing"  # noqa: E731
    alerts = casebook.wait_for_alerts("the alert that comes back", incident, back)
    demand(alerts["PaymentSlow"]["episodes"] == 2, f"it came back: {alerts['PaymentSlow']}")

    alertmanager.post(posted(LABELS, started, ended=now()))
    all_over = lambda alerts: all(alert["status"] == "resolved" for alert in alerts.values())  # noqa: E731
    alerts = casebook.wait_for_alerts("the end of all alerts", incident, all_over)
    twice = ["firing", "resolved", "firing", "resolved"]
    for name, alert in alerts.items():
        expected = twice if name == "PaymentSlow" else twice[:2]
        demand(statuses(alert) == expected, f"{name}: {alert['history']}")
        times = [change["at"] for change in alert["history"]]
        demand(times == sorted(times), f"{name}: {times}")
    listed = {alert["title"]: alert for alert in casebook.json("/v1/alerts")["alerts"]}
    demand(sorted(listed) == sorted([*LABELS, *UNRELATED]), f"the list holds {sorted(listed)}")
    demand(listed["CatalogSlow"]["status"] == "firing", "the alert of another service is in the list and fires")
    return {name: (alert["times"], statuses(alert)) for name, alert in alerts.items()}


def demand(holds, otherwise):
    if not holds:
        raise Failed(otherwise)


def run(program, alertmanager_program):
    with tempfile.TemporaryDirectory(prefix="casebook-alertmanager-") as data:
        with Server(program, f"{data}/casebook", *PORTS) as server:
            traffic = Traffic(server.ready["otlp_http"])
            url = f"http://{server.ready['listen']}/v1/alerts/alertmanager"
            alertmanager = Alertmanager(alertmanager_program, data, url)
            try:
                traffic.start()
                told = play(Casebook(server.ready["listen"], traffic), alertmanager, traffic)
            except Failed as failure:
                raise Failed(f"{failure}\nalertmanager said:\n{alertmanager.said()}") from None
            finally:
                traffic.stop.set()
                alertmanager.stop()
            traffic.join()
    for name, (times, history) in sorted(told.items()):
        print(f"{name}: told {times} times, {' -> '.join(history)}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--casebook", required=True)
    parser.add_argument("--alertmanager", required=True)
    options = parser.parse_args()
    run(options.casebook, options.alertmanager)
    print("alertmanager test: three alerts with their histories in one incident")


if __name__ == "__main__":
    try:
        main()
    except Failed as failure:
        sys.exit(f"alertmanager test FAILED: {failure}")
