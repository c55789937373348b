#!/usr/bin/env python3
"""Keys from outside: a public address without keys is refused, and an attacker with ever new keys disturbs nobody.

One client goes on sending spans with its key while many connections try one made-up key after another, each a different
one and each of the right form, all from the client's own address. The good client must never be refused, a stranger with
another address must be told 401 and never 429, and the server's memory must stay where it was after the first tenth. A million keys by hand: `make keys KEYS=1000000`.
"""

import argparse
import hashlib
import http.client
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from otlp_json import export_request, span  # noqa: E402
from processes import Failed, Http, Server, taken_whole  # noqa: E402

ATTACKERS = 8
# All of 127.0.0.0/8 is this machine, and to the server each is an address of its own.
STRANGER = "127.0.0.77"
STRANGER_PAUSE_SECONDS = 0.5
# What one attacker may make the process keep, were there anything to keep: much less than a million keys would take.
GROWTH_BYTES_MAX = 24 << 20
DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def crc32c_table():
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = (byte >> 1) ^ (0x82F63B78 if byte & 1 else 0)
        table.append(byte)
    return table


CRC32C = crc32c_table()


def made_up_key(dice):
    """A key that has the form of one, checksum and all, and that no file holds."""
    text = "casebook_write_" + "".join(dice.choices(DIGITS, k=43))
    crc = 0xFFFFFFFF
    for byte in text.encode():
        crc = CRC32C[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    crc ^= 0xFFFFFFFF
    check = ""
    for _ in range(6):
        crc, digit = divmod(crc, 62)
        check = DIGITS[digit] + check
    return text + check


def refuses_to_start(program, folder):
    """Without keys each listener stays on loopback, and the message says what to do."""
    for number, flag in enumerate(["--listen", "--admin", "--otlp-grpc", "--otlp-http"]):
        env = {name: value for name, value in os.environ.items() if not name.startswith("CASEBOOK_")}
        command = [program, "serve", "--data", f"{folder}/refused-{number}", flag, "0.0.0.0:0"]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=60, env=env)
        if ended.returncode != 1 or flag not in ended.stderr or "--keys" not in ended.stderr:
            raise Failed(f"{flag} 0.0.0.0:0 without keys ended with {ended.returncode}: {ended.stderr}")
    print("without keys no listener starts on a public address")


def new_key(program, file, scope, name):
    command = [program, "keys", "new", "--scope", scope, "--name", name, "--add-to", file]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.strip()


def resident_bytes(pid):
    with open(f"/proc/{pid}/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class Attack:
    """Made-up keys over several connections, and how they were answered."""

    def __init__(self, address, keys):
        self.address, self.keys = address, keys
        self.tried, self.answers, self.broken = 0, {}, []
        self.lock = threading.Lock()

    def run(self, number):
        dice = random.Random(number)
        connection = Http(self.address)
        while True:
            with self.lock:
                if self.tried >= self.keys:
                    return
                self.tried += 1
            headers = {"authorization": f"Bearer {made_up_key(dice)}", "content-type": "application/json"}
            try:
                status, _ = connection.ask("POST", "/v1/traces", b"{}", headers)
            except (OSError, http.client.HTTPException) as error:
                self.broken.append(repr(error))
                connection = Http(self.address)
                continue
            with self.lock:
                self.answers[status] = self.answers.get(status, 0) + 1


def attacked(program, folder, keys):
    file = f"{folder}/keys.toml"
    key = new_key(program, file, "write", "collector")
    with open(file) as entries:
        text = entries.read()
        if key in text or hashlib.sha256(key.encode()).hexdigest() not in text:
            raise Failed("the keys file must hold the key's hash and not the key")
    addresses = ["--otlp-grpc", "127.0.0.1:0", "--otlp-http", "0.0.0.0:0"]
    server = Server(program, f"{folder}/data", *addresses, "--keys", file)
    address = "127.0.0.1:" + server.ready["otlp_http"].rsplit(":", 1)[1]
    attack = Attack(address, keys)
    threads = [threading.Thread(target=attack.run, args=(number,), daemon=True) for number in range(ATTACKERS)]
    good, stranger = Http(address), Http(address, STRANGER)
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
    for thread in threads:
        thread.start()
    sent, early, asked, ask_again = 0, None, 0, 0
    while any(thread.is_alive() for thread in threads):
        sent += 1
        now_ns = time.time_ns()
        one = span(f"{sent:032x}", f"{sent:016x}", "GET /", now_ns - 1_000_000, now_ns)
        body = export_request("shop", "test", [one])
        status, text = good.ask("POST", "/v1/traces", body, headers)
        if not taken_whole(status, text):
            raise Failed(f"the good client was answered {status}: {text[:300]}\n{server.said()}")
        if time.monotonic() >= ask_again:
            asked, ask_again = asked + 1, time.monotonic() + STRANGER_PAUSE_SECONDS
            status, text = stranger.ask("POST", "/v1/traces", b"{}")
            if status != 401:
                raise Failed(f"a stranger with another address was answered {status}: {text[:300]}")
        if early is None and attack.tried >= keys // 10:
            early = resident_bytes(server.process.pid)
    for thread in threads:
        thread.join()
    grown = resident_bytes(server.process.pid) - early
    print(f"{attack.tried} made-up keys were answered {attack.answers}; {sent} good requests went through beside them")
    print(f"a stranger with another address was told 401 each of {asked} times")
    print(f"memory grew by {grown / (1 << 20):.1f} MiB over the last nine tenths of them")
    if not set(attack.answers) <= {401, 429} or attack.broken:
        raise Failed(f"unexpected answers to made-up keys: {attack.answers} {attack.broken[:3]}\n{server.said()}")
    if grown > GROWTH_BYTES_MAX:
        raise Failed(f"memory grew by {grown} bytes")
    if key in server.said():
        raise Failed("the key stands in the log")
    server.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--casebook", required=True)
    parser.add_argument("--keys", type=int, default=20_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        try:
            refuses_to_start(arguments.casebook, folder)
            attacked(arguments.casebook, folder, arguments.keys)
        except Failed as failure:
            sys.exit(f"keys: {failure}")


if __name__ == "__main__":
    main()
