"""The real Prometheus Alertmanager as a child process, and alerts posted to it as Prometheus would. Standard library only."""

import json
import pathlib
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from processes import Failed, Http  # noqa: E402  (a sibling of this folder, not a package)

START_SECONDS_MAX = 60
# A port that was free may be taken by the time it is used.
START_ATTEMPTS = 5

# Alerts of a group are sent at once and, for the test's sake, sent again every second.
CONFIG = """\
route:
  receiver: casebook
  group_by: [alertgroup]
  group_wait: 0s
  group_interval: 1s
  repeat_interval: 1s
receivers:
  - name: casebook
    webhook_configs:
      - url: {url}
        send_resolved: true
"""


class Alertmanager:
    """A running Alertmanager whose webhook goes to `url`."""

    def __init__(self, program, data, url):
        folder = pathlib.Path(data)
        self.config = folder / "alertmanager.yml"
        self.config.write_text(CONFIG.format(url=url))
        self.storage = folder / "storage"
        for _ in range(START_ATTEMPTS):
            if self.try_start(program):
                return
        raise Failed(f"alertmanager did not start:\n{self.said()}")

    def try_start(self, program):
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.address = "127.0.0.1:%d" % free.getsockname()[1]
        self.log = tempfile.TemporaryFile()
        command = [
            program,
            f"--config.file={self.config}",
            f"--storage.path={self.storage}",
            f"--web.listen-address={self.address}",
            "--cluster.listen-address=",
        ]
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log)
        deadline = time.monotonic() + START_SECONDS_MAX
        while self.process.poll() is None and time.monotonic() < deadline:
            try:
                if Http(self.address).get("/-/ready")[0] == 200:
                    return True
            except OSError:
                pass
            time.sleep(0.05)
        self.stop()
        return False

    def post(self, alerts):
        body = json.dumps(alerts)
        status, text = Http(self.address).ask("POST", "/api/v2/alerts", body, {"content-type": "application/json"})
        if status != 200:
            raise Failed(f"alertmanager answers {status} {text[:300]!r}")

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def said(self):
        self.log.seek(0)
        return self.log.read().decode(errors="replace")[-4000:]
