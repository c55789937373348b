"""A node dies behind the edge: one incident opens that names it, and says that no client was affected.

A Casebook server, a devnet of two made-up nodes and the edge before them, each the real program. Clients call through the
edge for a while; then the node that serves is killed. What must follow: every call is answered; exactly one incident opens;
its report names the node, cites the failover that the edge signalled, and counts no request as failed. When the node
is back, the incident recovers. Standard library only.

usage: run.py --casebook PROGRAM --edge PROGRAM --devnet PROGRAM [--report FILE]
"""

import argparse
import http.client
import json
import pathlib
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from processes import READY_SECONDS_MAX, Child, Failed, Http, Server  # noqa: E402

CALLS_PER_SECOND = 60
CLIENTS = 4
HEALTHY_SECONDS = 15.0
OPEN_SECONDS_MAX = 30.0
# Long enough for a second incident to show itself where there would be one.
AFTERWARDS_SECONDS = 6.0
RECOVER_SECONDS_MAX = 60.0
LOOK_EVERY_SECONDS = 0.1
# Of every answer, so that pauses of a busy machine are small beside it.
NODE_MS = 20
ENV = "devnet"
DEAD, OTHER = "geth-a", "geth-b"
PORTS = ("--otlp-grpc", "127.0.0.1:0", "--otlp-http", "127.0.0.1:0")


class Client(threading.Thread):
    """Calls at an even pace over one connection, and counts what was not answered."""

    def __init__(self, address, stop):
        super().__init__(daemon=True)
        self.address, self.stop = address, stop
        self.answered, self.problems = 0, []

    def run(self):
        host, port = self.address.rsplit(":", 1)
        connection = http.client.HTTPConnection(host, int(port), timeout=60)
        due = time.monotonic()
        while not self.stop.is_set():
            request = {"jsonrpc": "2.0", "id": 1, "method": "eth_getBalance", "params": ["0x" + "07" * 20, "latest"]}
            try:
                connection.request("POST", "/net", json.dumps(request), {"content-type": "application/json"})
                answer = json.loads(connection.getresponse().read())
                if "result" in answer:
                    self.answered += 1
                else:
                    self.problems.append(str(answer))
            except (OSError, ValueError, http.client.HTTPException) as problem:
                self.problems.append(repr(problem))
                connection.close()
            due += CLIENTS / CALLS_PER_SECOND
            self.stop.wait(max(0.0, due - time.monotonic()))
        connection.close()


def configuration(server, nodes):
    pool = f"""
[edge]
listen = "127.0.0.1:0"
admin_listen = "127.0.0.1:0"

[casebook]
url = "http://{server.ready["listen"]}"
otlp_url = "http://{server.ready["otlp_http"]}"
env = "{ENV}"

[pools.net]
kind = "execution"
chain_id = 1337
block_time = "1s"
probe_every = "1s"
failback_after = "2s"
"""
    for name, tier, node in zip((DEAD, OTHER), ("primary", "backup"), nodes):
        pool += f'\n[[pools.net.nodes]]\nname = "{name}"\ntier = "{tier}"\nhttp_url = "{node["http"]}"\nws_url = "{node["ws"]}"\n'
    return pool


def play(options, server, devnet, folder):
    nodes = Http(devnet.ready["admin"].removeprefix("http://"))
    for at in range(2):
        nodes.json(f"/nodes/{at}/fault", "POST", {"fault": "slow", "ms": NODE_MS, "methods": ["eth_getBalance"]})
    config = folder / "edge.toml"
    config.write_text(configuration(server, devnet.ready["nodes"]))
    with Child("the edge", options.edge, "serve", str(config)) as edge:
        try:
            return calls_while_a_node_dies(options, edge, nodes, Http(server.ready["listen"]))
        except Failed as failure:
            raise Failed(f"{failure}\n{edge.said()}") from None


def calls_while_a_node_dies(options, edge, nodes, api):
    admin, stop = Http(edge.ready["admin_listen"]), threading.Event()
    clients = [Client(edge.ready["listen"], stop) for _ in range(CLIENTS)]
    try:
        wait_until(lambda: admin.get("/readyz")[0] == 200, READY_SECONDS_MAX, "the edge is not ready")
        for client in clients:
            client.start()
        time.sleep(HEALTHY_SECONDS)
        if found := incidents(api):
            raise Failed(f"an incident opened before anything failed: {found[0]['summary']}")
        nodes.json("/nodes/0/fault", "POST", {"fault": "kill"})
        killed = time.monotonic()
        wait_until(lambda: incidents(api), OPEN_SECONDS_MAX, "no incident opened")
        seconds = time.monotonic() - killed
        time.sleep(AFTERWARDS_SECONDS)
        report = demand_one_that_names_the_node(api, options.report)
        nodes.json("/nodes/0/start", "POST")
        wait_until(lambda: incidents(api)[0]["state"] != "open", RECOVER_SECONDS_MAX, "the incident does not recover")
        told = admin.json("/status")["casebook"]
        stop.set()
        for client in clients:
            client.join()
        demand_calm(clients, told)
        return seconds, sum(client.answered for client in clients), report
    finally:
        stop.set()


def wait_until(wanted, seconds, problem):
    deadline = time.monotonic() + seconds
    while not wanted():
        if time.monotonic() > deadline:
            raise Failed(problem)
        time.sleep(LOOK_EVERY_SECONDS)


def incidents(api):
    return api.json("/v1/incidents?state=all")["incidents"]


def demand_one_that_names_the_node(api, file):
    found = incidents(api)
    if len(found) != 1:
        raise Failed(f"{len(found)} incidents opened: {[incident['summary'] for incident in found]}")
    path = f"/v1/incidents/{found[0]['id']}/report"
    report = api.json(path)
    if file:
        pathlib.Path(file).write_text(json.dumps(report, indent=2))
        pathlib.Path(file + ".md").write_bytes(api.ask("GET", path, headers={"accept": "text/markdown"})[1])
    named = (report["cause"]["kind"], report["cause"]["subject"], report["origin"]["callee"])
    if named != ("dependency", DEAD, DEAD):
        raise Failed(f"the cause is {named}: {report['summary']['text']}")
    failovers = [signal for signal in report["signals"] if signal["subtype"] == "failover"]
    if not failovers or failovers[0]["subject"] != DEAD or failovers[0]["attributes"]["to"] != OTHER:
        raise Failed(f"the failover is not among the signals: {report['signals']}")
    if failovers[0]["id"] not in [evidence["id"] for evidence in report["evidence"]]:
        raise Failed(f"the failover is no evidence: {report['evidence']}")
    if failovers[0]["id"] not in report["cause"]["cites"]:
        raise Failed(f"the cause does not cite the failover: {report['cause']}")
    requests = report["blast_radius"]["requests"]
    if requests["affected"] != 0 or requests["total"] == 0:
        raise Failed(f"the blast radius is {requests}")
    if "no request failed" not in report["summary"]["text"]:
        raise Failed(f"the summary does not say that no client was affected: {report['summary']['text']}")
    return report


def demand_calm(clients, told):
    problems = [problem for client in clients for problem in client.problems]
    if problems:
        raise Failed(f"{len(problems)} calls were not answered: {problems[:3]}")
    if told["trouble"] or told["signals"]["dropped"] or told["traces"]["dropped"] or not told["traces"]["sent"]:
        raise Failed(f"not all of it reached the server: {told}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--casebook", required=True)
    parser.add_argument("--edge", required=True)
    parser.add_argument("--devnet", required=True)
    parser.add_argument("--report", help="where to write the report, and beside it its Markdown")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="casebook-edge-incident-") as folder:
        server = Server(options.casebook, f"{folder}/data", *PORTS)
        with server, Child("the devnet", options.devnet, "--block-time", "1s") as devnet:
            seconds, answered, report = play(options, server, devnet, pathlib.Path(folder))
    print(f"edge incident test: {answered} calls answered, one incident after {seconds:.1f} s: {report['summary']['text']}")


if __name__ == "__main__":
    try:
        main()
    except Failed as failure:
        sys.exit(f"edge incident test FAILED: {failure}")
