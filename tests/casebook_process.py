"""The real `casebook serve` as a child process, for tests that drive it from outside. Standard library only."""

import http.client
import json
import os
import subprocess
import tempfile
import threading
import time

ANSWER_SECONDS_MAX = 30
START_SECONDS_MAX = 60
STOP_SECONDS_MAX = 30


class Failed(Exception):
    """The server did not do what the test needs of it; the text says what and shows its log."""


class Server:
    """A running server. `ready` is the line it printed when it could be used."""

    def __init__(self, program, data, *arguments):
        # Nothing of the caller's settings may reach the server.
        env = {name: value for name, value in os.environ.items() if not name.startswith("CASEBOOK_")}
        command = [program, "serve", "--data", data, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", *arguments]
        started = time.monotonic()
        self.log = tempfile.TemporaryFile()
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.log, env=env)
        watchdog = threading.Timer(START_SECONDS_MAX, self.process.kill)
        watchdog.start()
        line = self.process.stdout.readline()
        watchdog.cancel()
        if not line:
            raise Failed(f"the server did not start ({self.process.wait()}):\n{self.said()}")
        self.ready = json.loads(line)
        self.start_seconds = time.monotonic() - started

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.close()

    def stop(self):
        self.process.terminate()
        try:
            code = self.process.wait(timeout=STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise Failed(f"the server did not stop within {STOP_SECONDS_MAX} s:\n{self.said()}") from None
        if code != 0:
            raise Failed(f"the server ended with {code}:\n{self.said()}")
        self.close()

    def close(self):
        self.process.stdout.close()
        self.log.close()

    def said(self):
        self.log.seek(0)
        return self.log.read().decode(errors="replace")[-4000:]


class Http:
    """One connection to one of the server's listeners."""

    def __init__(self, address, source=None):
        """`source` is the address of this machine that the other side sees."""
        host, port = address.rsplit(":", 1)
        source = source and (source, 0)
        self.connection = http.client.HTTPConnection(
            host, int(port), timeout=ANSWER_SECONDS_MAX, source_address=source
        )

    def ask(self, method, path, body=None, headers=None):
        self.connection.request(method, path, body, headers or {})
        reply = self.connection.getresponse()
        return reply.status, reply.read()

    def get(self, path):
        return self.ask("GET", path)

    def export(self, body):
        return self.ask("POST", "/v1/traces", body, {"content-type": "application/json"})


def taken_whole(status, text):
    """Whether an answer to an export says that every span was taken."""
    return status == 200 and not json.loads(text).get("partialSuccess", {}).get("rejectedSpans")
