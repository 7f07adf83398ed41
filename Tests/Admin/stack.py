"""Three memcacheds, a ringroad with its admin interface, and what asks that interface."""

import contextlib
import http.client
import json
import os
import re
import sys
import threading
import time

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "Faults"))
from rig import LOOPBACK, Memcached, Proxy, eventually, quiet_port  # noqa: E402, F401
from servers import REPOSITORY, default_binary, end_with_parent  # noqa: E402, F401

SAMPLE = re.compile(r"([a-z_]+)(?:\{(.*)\})? (\S+)")
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
# Servers that are out are probed each second.
QUICK = {"probe_max": "1s"}


class Stack:
    """`admin`: more lines of the file's mapping `admin`. `with Stack() as stack:` ends all of it."""

    def __init__(self, servers=3, admin=(), settings=None, threads=2):
        self.servers = []
        self.port = quiet_port()
        try:
            self.servers = [Memcached() for _ in range(servers)]
            lines = [f"admin:\n  address: {LOOPBACK}:{self.port}\n", *(f"  {line}\n" for line in admin)]
            self.proxy = Proxy(
                os.environ.get("RINGROAD_BINARY") or default_binary(),
                [server.port for server in self.servers],
                settings or QUICK,
                threads=threads,
                head="".join(lines),
                flags=(),
            )
        except BaseException:
            for server in self.servers:
                server.end()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.proxy.end()
        for server in self.servers:
            server.end()

    def name(self, i):
        """The server's name in metrics."""
        return f"{LOOPBACK}:{self.servers[i].port}"

    def ask(self, path, method="GET", headers=None, body=None, patience=5):
        """The status, headers and body of a response."""
        with contextlib.closing(http.client.HTTPConnection(LOOPBACK, self.port, timeout=patience)) as one:
            one.request(method, path, body=body, headers=headers or {})
            answer = one.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()

    def text(self, path, **more):
        status, _, body = self.ask(path, **more)
        assert status == 200, (path, status, body)
        return body.decode()

    def json(self, path, **more):
        return json.loads(self.text(path, **more))

    def metrics(self):
        """Each sample's value by its name and sorted labels."""
        values = {}
        for line in self.text("/metrics").splitlines():
            if not line.startswith("#"):
                name, labels, value = SAMPLE.fullmatch(line).groups()
                values[name, tuple(sorted(LABEL.findall(labels or "")))] = float(value)
        return values


class Load:
    """A client that sends gets and sets at an even rate, and counts what it sent."""

    def __init__(self, stack, rate, keys=199):
        self.stack = stack
        self.rate = rate
        self.keys = keys
        self.sent = {"get": 0, "set": 0}
        self.times = []
        self.failure = None
        self.isEnding = False
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        try:
            with self.stack.proxy.connect(10) as wire:
                replies = wire.makefile("rb")
                due = time.monotonic()
                number = 0
                while not self.isEnding:
                    begin = time.monotonic()
                    self.one(wire, replies, number)
                    self.times.append((begin, time.monotonic() - begin))
                    number += 1
                    due = max(due + 1 / self.rate, time.monotonic() - 1)
                    time.sleep(max(0, due - time.monotonic()))
        except Exception as failure:
            self.failure = failure

    def one(self, wire, replies, number):
        key = f"key{number * 7 % self.keys}"
        if number % 4 == 0:
            wire.sendall(f"set {key} 0 60 5\r\nvalue\r\n".encode())
            self.sent["set"] += 1
            assert replies.readline() in (b"STORED\r\n", b"NOT_STORED\r\n")
        else:
            wire.sendall(f"get {key}\r\n".encode())
            self.sent["get"] += 1
            line = replies.readline()
            while line != b"END\r\n":
                assert line, "the proxy has closed the connection"
                line = replies.readline()

    def end(self):
        self.isEnding = True
        self.thread.join(20)
        assert not self.thread.is_alive(), "the load does not end"
        if self.failure:
            raise self.failure

    def percentile(self, share, since=0.0, until=float("inf")):
        times = sorted(time for begin, time in self.times if since <= begin < until)
        return times[min(len(times) - 1, int(len(times) * share))]


class Report:
    """What was looked at, and what was wrong."""

    def __init__(self):
        self.failures = 0

    def expect(self, condition, words):
        print(("ok      " if condition else "FAILED  ") + words, flush=True)
        self.failures += not condition

    def end(self):
        if self.failures:
            sys.exit(f"{self.failures} failed")
