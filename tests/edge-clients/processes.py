"""Programs that print one line of JSON when they are ready, and the admin pages of those that have any. It must not know
what any of them does. Standard library only."""

import http.client
import json
import os
import subprocess
import tempfile
import threading

READY_SECONDS_MAX = 30
STOP_SECONDS_MAX = 30
ANSWER_SECONDS_MAX = 10


class Failed(Exception):
    """Something did not do what the test needs of it; the text says what."""


class Child:
    """A running program. `ready` is the first line that it printed."""

    def __init__(self, name, command):
        # Nothing of the caller's settings may reach it.
        env = {key: value for key, value in os.environ.items() if not key.startswith(("CASEBOOK_", "WEB3_"))}
        self.name, self.log = name, tempfile.TemporaryFile()
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=self.log, env=env, text=True)
        self.ready = self.line(READY_SECONDS_MAX)

    def line(self, seconds_max):
        """The next line that it prints, read as JSON."""
        watchdog = threading.Timer(seconds_max, self.process.kill)
        watchdog.start()
        line = self.process.stdout.readline()
        watchdog.cancel()
        if not line:
            raise Failed(f"{self.name} said nothing within {seconds_max} s ({self.process.wait()}):\n{self.said()}")
        return json.loads(line)

    def ask(self, line, seconds_max):
        try:
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()
        except OSError as error:
            raise Failed(f"{self.name} is gone ({error}):\n{self.said()}") from error
        return self.line(seconds_max)

    def wait(self):
        try:
            code = self.process.wait(timeout=STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise Failed(f"{self.name} did not end within {STOP_SECONDS_MAX} s:\n{self.said()}") from None
        if code != 0:
            raise Failed(f"{self.name} ended with {code}:\n{self.said()}")

    def stop(self):
        self.process.terminate()
        self.wait()

    def kill(self):
        """Whether or not it has ended."""
        self.process.kill()
        self.process.wait()

    def said(self):
        self.log.seek(0)
        return self.log.read().decode(errors="replace")[-4000:]


def admin(url, method, path, body=None):
    """The devnet's admin API."""
    address = url.removeprefix("http://")
    text = json.dumps(body) if body is not None else None
    return json.loads(page(address, path, method, text))


def page(address, path, method="GET", body=None):
    host, port = address.rsplit(":", 1)
    connection = http.client.HTTPConnection(host, int(port), timeout=ANSWER_SECONDS_MAX)
    try:
        connection.request(method, path, body)
        reply = connection.getresponse()
        text = reply.read().decode()
    finally:
        connection.close()
    if reply.status != 200:
        raise Failed(f"{method} {path} answered {reply.status}: {text}")
    return text
