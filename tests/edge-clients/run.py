"""Real client libraries through the real edge, while nodes die, freeze and reorganise.

Starts `casebook-devnet` and `casebook-edge`, lets every library subscribe to heads and to logs over one WebSocket, plays
three failovers, an outage of all nodes, a freeze and a reorganisation through the devnet's admin API, and holds each
library's own record against the devnet's history: every block and every matching log once, in order, and no socket,
subscription or call that failed. Standard library only.

usage: run.py --devnet PROGRAM --edge PROGRAM --python PROGRAM --node PROGRAM
"""

import argparse
import json
import pathlib
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from judge import judge  # noqa: E402
from processes import Child, Failed, Http  # noqa: E402  (a sibling of this folder, not a package)

HERE = pathlib.Path(__file__).resolve().parent
NODES = 2
# Between blocks: so long that every node has told of one before the next comes.
BLOCK_SECONDS = 0.3
# How long a node that came back, or a pool that was gone, may take to serve.
SERVES_SECONDS_MAX = 15
# Blocks after the last one that is judged: what came too late or twice would show itself before them.
CLOSING_BLOCKS = 2
REORGANISED = 2

CONFIG = """
[edge]
listen = "127.0.0.1:0"
admin_listen = "127.0.0.1:0"

[pools.test]
kind = "execution"
chain_id = 1337
block_time = "300ms"
probe_every = "300ms"
failback_after = "500ms"
"""


def configuration(devnet):
    nodes = [
        f'[[pools.test.nodes]]\nname = "node-{at}"\nhttp_url = "{urls["http"]}"\nws_url = "{urls["ws"]}"\n'
        for at, urls in enumerate(devnet.ready["nodes"])
    ]
    return CONFIG + "".join(nodes)


class Stage:
    """The devnet, the edge before it, and what is done to them."""

    def __init__(self, devnet, edge):
        self.devnet, self.edge = Http(devnet.ready["admin"].removeprefix("http://")), Http(edge.ready["admin_listen"])
        self.url = f"ws://{edge.ready['listen']}/test"
        self.began = time.monotonic()

    def say(self, what):
        print(f"{time.monotonic() - self.began:6.1f} s  {what}", flush=True)

    def history(self):
        """Every block that came or went, from the first one."""
        told = self.devnet.json("/truth?last=10000")["history"]
        if told["forgotten"]:
            raise Failed("the devnet has forgotten how its chain began")
        return told["steps"]

    def mine(self, blocks):
        for _ in range(blocks):
            time.sleep(BLOCK_SECONDS)
            head = self.devnet.json("/mine", "POST")["head"]
        return head["number"]

    def fault(self, node, fault):
        self.devnet.json(f"/nodes/{node}/fault", "POST", {"fault": fault})

    def clear(self, node):
        self.devnet.json(f"/nodes/{node}/fault", "DELETE")

    def pool(self):
        return self.edge.json("/status")["pools"][0]

    def until(self, what, holds):
        deadline = time.monotonic() + SERVES_SECONDS_MAX
        while not holds():
            if time.monotonic() > deadline:
                raise Failed(f"{what} did not come true within {SERVES_SECONDS_MAX} s: {json.dumps(self.pool())}")
            time.sleep(0.05)

    def until_served(self, node):
        """Blocks go on meanwhile: a node that hears of none cannot show that it follows."""

        def serves():
            self.mine(1)
            of = self.pool()["nodes"][node]
            return of["http"]["state"] == of["stream"]["state"] == "serving"

        self.until(f"node {node} serves", serves)


def play(stage):
    """Everything that happens to the nodes. Returns the last block's number."""
    stage.mine(3)
    for node in (0, 1, 0):
        stage.say(f"node {node} is killed")
        before = stage.pool()["failovers"]
        stage.fault(node, "kill")
        stage.mine(4)
        stage.until("the failover is counted", lambda: stage.pool()["failovers"] > before)
        stage.say(f"node {node} is started again")
        stage.clear(node)
        stage.until_served(node)
    stage.say("all nodes are killed, four blocks are made, one node comes back")
    for node in range(NODES):
        stage.fault(node, "kill")
    stage.mine(4)
    stage.clear(1)
    stage.until_served(1)
    stage.clear(0)
    stage.until_served(0)
    stage.say("node 1 freezes: it takes connections and answers nothing")
    stage.fault(1, "freeze")
    stage.mine(6)
    stage.until("the freeze is noticed", lambda: stage.pool()["nodes"][1]["stream"]["state"] != "serving")
    stage.mine(2)
    stage.say("node 1 moves again")
    stage.clear(1)
    stage.until_served(1)
    reorganise(stage)
    return stage.mine(3)


def reorganise(stage):
    """Takes back blocks of which at least one has a log that the clients asked for."""
    wanted = stage.filter
    for _ in range(40):
        stage.mine(1)
        gone = stage.history()[-REORGANISED:]
        if any(matches(wanted, log) for step in gone for log in step["logs"]):
            break
    else:
        raise Failed("forty blocks came without a log that matches")
    # Every node has to have told of what is taken back.
    stage.until("the edge is at the head", lambda: stage.pool()["head"]["hash"] == gone[-1]["hash"])
    stage.say(f"the last {REORGANISED} blocks are replaced by {REORGANISED + 1} others")
    stage.devnet.json("/fork", "POST", {"depth": REORGANISED, "length": REORGANISED + 1})


def matches(wanted, log):
    """The test's own reading of an address and topic filter."""
    topics = log["topics"]
    return log["address"].lower() in wanted["addresses"] and bool(topics) and topics[0].lower() in wanted["topics"][0]


def choose(history):
    """Two contracts and the two events that viem knows by name, so that some logs match and some do not."""
    logs = [log for step in history for log in step["logs"]]
    addresses = sorted({log["address"].lower() for log in logs})[:2]
    return {"addresses": addresses, "topics": [list(EVENTS)]}


# Keccak-256 of Transfer(address,address,uint256) and Approval(address,address,uint256).
EVENTS = (
    "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef",
    "0x8c5be1e5ebec7d5bd14f71427d1e84f3dd0314c0f7b2291e5b200ac8c7c3b925",
)


def follow(stage, options):
    """Lets every library follow the play, and returns their records and the history from where they began."""
    commands = {
        "viem": [options.node, str(HERE / "javascript/viem.js")],
        "ethers": [options.node, str(HERE / "javascript/ethers.js")],
        "web3.py": [options.python, str(HERE / "python/client.py")],
    }
    stage.until("the edge has a head", lambda: stage.pool()["head"] is not None)
    stage.filter = choose(stage.history())
    clients, records = {}, {}
    try:
        for name, command in commands.items():
            clients[name] = Child(name, *command, stage.url, json.dumps(stage.filter))
        began = len(stage.history())
        last = play(stage)
        steps = stage.history()[began:]
        stage.mine(CLOSING_BLOCKS)
        for name, client in clients.items():
            records[name] = client.ask(str(last + CLOSING_BLOCKS), SERVES_SECONDS_MAX)
            client.wait()
    finally:
        for client in clients.values():
            client.kill()
    return records, steps


def main():
    parser = argparse.ArgumentParser()
    for program in ("devnet", "edge", "python", "node"):
        parser.add_argument(f"--{program}", required=True)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="casebook-edge-clients-") as folder:
        nodes = ("--nodes", str(NODES), "--block-time", "0ms", "--blocks", "30")
        with Child("the devnet", options.devnet, *nodes) as devnet:
            config = pathlib.Path(folder, "edge.toml")
            config.write_text(configuration(devnet))
            with Child("the edge", options.edge, "serve", str(config)) as edge:
                stage = Stage(devnet, edge)
                records, steps = follow(stage, options)
                failovers = stage.pool()["failovers"]
    failed = 0
    for name, record in records.items():
        problems = judge(record, steps, lambda log: matches(stage.filter, log))
        failed += bool(problems)
        seen = f"{len(record['heads'])} heads, {len(record['logs'])} logs, {record['calls']} calls"
        print(f"{'FAILED' if problems else 'ok':6} {name}: {seen}")
        for problem in problems[:20]:
            print(f"       {problem}")
    print(f"client libraries: {len(records) - failed} of {len(records)} passed, {failovers} failovers")
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failed as failure:
        sys.exit(str(failure))
