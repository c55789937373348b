"""Programs of ours as child processes, the real `casebook serve` among them, and HTTP to them, for tests that drive them
from outside. It must not know what is tested. Standard library only."""

import contextlib
import http.client
import json
import os
import subprocess
import tempfile
import threading
import time

ANSWER_SECONDS_MAX = 30
READY_SECONDS_MAX = 60
STOP_SECONDS_MAX = 30


class Failed(Exception):
    """Something did not do what the test needs of it; the text says what, and shows the log of the program."""


class Child:
    """A running program. `ready` is the first line that it printed, which is JSON and says that it can be used.

    In a `with` it is stopped at the end, or killed where something failed."""

    def __init__(self, name, *command):
        # Nothing of the caller's settings may reach it.
        env = {key: value for key, value in os.environ.items() if not key.startswith(("CASEBOOK_", "WEB3_"))}
        started = time.monotonic()
        self.name, self.log = name, tempfile.TemporaryFile()
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=self.log, env=env, text=True)
        self.ready = self.line(READY_SECONDS_MAX)
        self.start_seconds = time.monotonic() - started

    def __enter__(self):
        return self

    def __exit__(self, failure, *_):
        if failure is None:
            self.stop()
        else:
            self.kill()

    def line(self, seconds_max):
        """The next line that it prints, read as JSON."""
        watchdog = threading.Timer(seconds_max, self.process.kill)
        watchdog.start()
        line = self.process.stdout.readline()
        watchdog.cancel()
        if not line:
            code = self.process.wait()
            raise Failed(f"{self.name} printed no line within {seconds_max} s and ended with {code}:\n{self.said()}")
        return json.loads(line)

    def ask(self, line, seconds_max):
        """What it prints when it is told this line."""
        try:
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()
        except OSError as error:
            raise Failed(f"{self.name} is gone ({error}):\n{self.said()}") from error
        return self.line(seconds_max)

    def stop(self):
        self.process.terminate()
        self.wait()

    def wait(self):
        """Until it ends by itself, in order."""
        try:
            code = self.process.wait(timeout=STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise Failed(f"{self.name} did not end within {STOP_SECONDS_MAX} s:\n{self.said()}") from None
        if code != 0:
            raise Failed(f"{self.name} ended with {code}:\n{self.said()}")
        self.close()

    def kill(self):
        """Whether or not it has ended."""
        self.process.kill()
        self.process.wait()
        self.close()

    def close(self):
        # A line that it never took makes closing fail.
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.stdout.close()
        self.log.close()

    def said(self):
        self.log.seek(0)
        return self.log.read().decode(errors="replace")[-4000:]


class Server(Child):
    """A running Casebook server, on ports that were free where no others are given."""

    def __init__(self, program, data, *arguments):
        listens = ("--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0")
        super().__init__("the server", program, "serve", "--data", data, *listens, *arguments)


class Http:
    """One connection to one listener of a program."""

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

    def json(self, path, method="GET", body=None):
        """What it answers to JSON as JSON, where it has to succeed."""
        status, text = self.ask(method, path, json.dumps(body) if body is not None else None)
        if status != 200:
            raise Failed(f"{method} {path}: {status} {text[:300]!r}")
        return json.loads(text)

    def export(self, body):
        return self.ask("POST", "/v1/traces", body, {"content-type": "application/json"})


def taken_whole(status, text):
    """Whether an answer to an export says that every span was taken."""
    return status == 200 and not json.loads(text).get("partialSuccess", {}).get("rejectedSpans")
