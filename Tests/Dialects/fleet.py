"""Fake servers in this process, ringroad in front of them, and the sockets that talk to it."""

import os
import shutil
import socket
import sys
import tempfile
import time

sys.path.append(os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "Differential"))

from dialects import LOOPBACK, FakeMemcached  # noqa: E402
from recording import CLOSED  # noqa: E402
from servers import Process, free_port  # noqa: E402

# How long an answer may be missing.
PATIENCE = 3.0


class Ringroad(Process):
    """ringroad in front of some ports, with a configuration of these keys."""

    def __init__(self, binary, ports, **keys):
        self.folder = tempfile.mkdtemp(prefix="ringroad-dialects-")
        keys = {"threads": 1, "connect_timeout": "5s", "request_timeout": "10s"} | keys
        path = os.path.join(self.folder, "ringroad.yml")
        port = free_port()
        with open(path, "w") as file:
            file.write(f"listen: {LOOPBACK}:{port}\nadmin: off\n")
            file.write("servers: [" + ", ".join(f"{LOOPBACK}:{p}" for p in ports) + "]\n")
            file.writelines(f"{name}: {value}\n" for name, value in keys.items())
        self.errors = open(os.path.join(self.folder, "errors"), "w+b")
        super().__init__([binary, "--config", path], port, self.errors)

    def log(self):
        self.errors.seek(0)
        return self.errors.read().decode(errors="replace")

    def end(self):
        super().end()
        self.errors.close()
        shutil.rmtree(self.folder, ignore_errors=True)


class Fleet:
    """Some fakes and a ringroad over them: to be used in a with statement."""

    def __init__(self, binary, fakes, **keys):
        self.fakes = [fake.begin() for fake in fakes]
        try:
            self.ringroad = Ringroad(binary, [fake.port for fake in self.fakes], **keys)
        except BaseException:
            self.end_fakes()
            raise
        self.port = self.ringroad.port

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.ringroad.end()
        self.end_fakes()

    def end_fakes(self):
        for fake in self.fakes:
            fake.end()

    def statistics(self):
        """The rows of `stats ringroad`."""
        answer = ask(self.port, b"stats ringroad\r\n", lambda a: a.endswith(b"END\r\n")).decode(errors="replace")
        rows = (line.split(" ", 2) for line in answer.splitlines() if line.startswith("STAT "))
        return {row[1]: row[2] for row in rows if len(row) == 3}

    def count(self, name):
        return int(self.statistics().get(name, -1))

    def held(self):
        """What the fakes hold together: for each key the copies of it."""
        copies = {}
        for fake in self.fakes:
            for key in list(fake.items.held):
                item = fake.items.get(key)
                if item:
                    copies.setdefault(key, []).append(item)
        return copies


def fakes_of(versions, **options):
    """One fake for each name: a version, "twemproxy" or "lookalike"."""
    makes = ("twemproxy", "lookalike")
    return [FakeMemcached(like=name, **options) if name in makes else FakeMemcached(name, **options) for name in versions]


def connect(port):
    one = socket.create_connection((LOOPBACK, port), PATIENCE)
    one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return one


def ask(port, data, is_whole, patience=PATIENCE, grace=0.05):
    """What is answered on a connection of its own, up to where `is_whole` says; b"<closed>" behind it: hung up."""
    with connect(port) as one:
        try:
            one.sendall(data)
        except OSError:
            pass
        return rest_of(one, b"", is_whole, patience, grace)


def ask_all(port, data):
    """What is answered to a client that sends this and no more, up to the end of the connection."""
    with connect(port) as one:
        try:
            one.sendall(data)
            one.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        return rest_of(one, b"", lambda answer: False).removesuffix(CLOSED)


def rest_of(one, answer, is_whole, patience=PATIENCE, grace=0.05):
    """Reads on until the answer is whole and nothing more comes, or `patience` is over."""
    until = time.monotonic() + patience
    while True:
        whole = is_whole(answer)
        one.settimeout(0.001 if whole is True else grace if whole else max(0.001, until - time.monotonic()))
        try:
            more = one.recv(262144)
        except TimeoutError:
            return answer
        except OSError:
            more = b""
        if not more:
            return answer + CLOSED
        answer += more
