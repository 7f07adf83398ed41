"""One client library through one outage: three real memcacheds, ringroad in front of them, one of them failing.

The client's program says `ready`, then reads requests line by line (`set KEY VALUE`, `get KEY`, `add KEY VALUE`,
`delete KEY`, `incr KEY STEP`) and answers each with one line: `yes`, `no` (a miss, not stored, not found),
`value VALUE` or `error TEXT`.
"""

import os
import random
import select
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field

from expected import WORDS, Expected
from servers import LOOPBACK, Process, end_with_parent, free_port, memcached

KEYS = [f"key:{number}" for number in range(270)] + [f"number:{number}" for number in range(30)]
# Requests a second at most: enough to count, and few enough for several clients on two cores.
PACE = 250
# Longer than any client's own time-outs.
ANSWER_LIMIT = 10
START_LIMIT = 30
# `stats ringroad` may be 0.1 s old.
STATS_AGE = 0.25
# A port is free until another process takes it: clusters start one at a time.
starting = threading.Lock()


@dataclass(frozen=True)
class Outage:
    """What happens to one of the servers, `delay` seconds after counting begins."""

    name: str
    seconds: float
    delay: float = 1
    signal: int | None = None
    # Seconds until SIGCONT.
    pause: float | None = None
    settings: str = ""


def outages(is_short, settings=""):
    """The outages that each client is played through; `settings` are added to ringroad's file."""
    gone = 4 if is_short else 6
    pause = 4 if is_short else 6
    return [
        Outage("all up", 2 if is_short else 4, settings=settings),
        Outage("one gone", gone, signal=signal.SIGKILL, settings=settings),
        Outage("one hangs", 1 + pause + 2, signal=signal.SIGSTOP, pause=pause, settings=settings),
        Outage("one gone, fail_fast", gone, signal=signal.SIGKILL, settings=settings + "on_failure: fail_fast\n"),
    ]


@dataclass
class Result:
    """Answers for the keys of the healthy servers, and connections that the client opened after its first requests."""

    right: int = 0
    wrong: int = 0
    seconds: float = 0
    connections: int = 0
    complaints: Counter = field(default_factory=Counter)

    @property
    def rate(self):
        return self.right / self.seconds if self.seconds else 0


class Cluster:
    """Three memcacheds and ringroad, which has its default settings but for those of the outage."""

    def __init__(self, binary, settings, keys=KEYS):
        self.keys = keys
        self.processes = []
        self.folder = tempfile.TemporaryDirectory(prefix="ringroad-outage-")
        try:
            with starting:
                self.servers = [self.kept(memcached()) for _ in range(3)]
                self.port = free_port()
                path = os.path.join(self.folder.name, "ringroad.yml")
                with open(path, "w") as file:
                    file.write(self.configuration(settings))
                self.proxy = self.kept(Process([binary, "--config", path, "--admin", "off"], self.port))
            self.owners = self.route(binary, path)
            self.control = socket.create_connection((LOOPBACK, self.port), 5)
        except BaseException:
            self.end()
            raise

    def kept(self, process):
        self.processes.append(process)
        return process

    def configuration(self, settings):
        """The text of ringroad's file."""
        addresses = ", ".join(f"{LOOPBACK}:{server.port}" for server in self.servers)
        return f"listen: {LOOPBACK}:{self.port}\nservers: [{addresses}]\n{settings}"

    def route(self, binary, path):
        """Each key's server, as `ringroad route` says."""
        said = subprocess.run(
            [binary, "route", "--config", path, *self.keys], check=True, capture_output=True, text=True, timeout=20
        )
        return dict(line.split("\t") for line in said.stdout.splitlines())

    def keys_of(self, server):
        return [key for key in self.keys if self.owners[key] == f"{LOOPBACK}:{server.port}"]

    def stats(self):
        """The rows of `stats ringroad`."""
        self.control.sendall(b"stats ringroad\r\n")
        said = b""
        while not said.endswith(b"END\r\n"):
            said += self.control.recv(65536) or b"END\r\n"
        return dict(line.split(" ", 2)[1:] for line in said.decode().splitlines() if line.startswith("STAT "))

    def connections(self):
        """How many client connections ringroad has taken so far."""
        time.sleep(STATS_AGE)
        return int(self.stats()["client_connections_total"])

    def end(self):
        if hasattr(self, "control"):
            self.control.close()
        for process in reversed(self.processes):
            process.end()
        self.folder.cleanup()


class Program:
    """A client's program, asked line by line."""

    def __init__(self, command, port, environment):
        self.errors = tempfile.TemporaryFile()
        self.child = subprocess.Popen(
            [*command, str(port)], env={**os.environ, **environment}, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=self.errors, preexec_fn=end_with_parent,
        )
        self.said = b""

    def line(self, limit):
        """The next line, or None when it does not come in time, or never will."""
        deadline = time.monotonic() + limit
        while b"\n" not in self.said:
            readable, _, _ = select.select([self.child.stdout], [], [], max(0, deadline - time.monotonic()))
            piece = os.read(self.child.stdout.fileno(), 4096) if readable else b""
            if not piece:
                return None
            self.said += piece
        line, _, self.said = self.said.partition(b"\n")
        return line.decode(errors="replace")

    def answer(self, request):
        """What it answers; None when it has ended or does not answer in time."""
        try:
            self.child.stdin.write((" ".join(request) + "\n").encode())
            self.child.stdin.flush()
        except OSError:
            return None
        answer = self.line(ANSWER_LIMIT)
        if answer is not None and answer.partition(" ")[0] not in WORDS:
            raise RuntimeError(f"the client's program says {answer!r}")
        return answer

    @property
    def last_words(self):
        self.errors.seek(0)
        return self.errors.read().decode(errors="replace")[-500:]

    def end(self):
        self.child.kill()
        self.child.wait()
        self.child.stdin.close()
        self.child.stdout.close()
        self.errors.close()


def drawn(dice, serial):
    """A request: mostly get and set, now and then add, delete and incr."""
    key = dice.choice(KEYS)
    chance = dice.random()
    if key.startswith("number:"):
        return ["incr", key, "3"] if chance < 0.7 else ["set", key, "100"] if chance < 0.85 else ["get", key]
    if chance < 0.45:
        return ["get", key]
    if chance < 0.9:
        return ["set", key, f"value-{serial}"]
    return ["add", key, f"value-{serial}"] if chance < 0.95 else ["delete", key]


class Play:
    """One client in one outage."""

    def __init__(self, command, environment, outage, binary, seed):
        self.outage = outage
        self.dice = random.Random(seed)
        self.expected = Expected()
        self.result = Result()
        self.resuming = None
        self.cluster = Cluster(binary, outage.settings)
        try:
            self.failing = self.dice.choice(self.cluster.servers)
            self.lost = self.cluster.keys_of(self.failing)
            self.program = Program(command, self.cluster.port, environment)
        except BaseException:
            self.cluster.end()
            raise

    def run(self):
        if self.program.line(START_LIMIT) != "ready":
            raise RuntimeError(f"the client's program does not start: {self.program.last_words}")
        for key in KEYS:
            self.asked(["set", key, "100"])
        before = self.cluster.connections()
        start = time.monotonic()
        has_failed = self.outage.signal is None
        serial = 0
        while time.monotonic() < start + self.outage.seconds:
            request = drawn(self.dice, serial)
            if not has_failed and time.monotonic() >= start + self.outage.delay:
                has_failed = True
                self.fail()
                # Clients stop using the proxy after an error for a write, and a failure may last only a few requests.
                request = ["set", next(key for key in self.lost if key.startswith("key:")), "written"]
            if not self.counted(request):
                break
            serial += 1
            time.sleep(max(0, start + serial / PACE - time.monotonic()))
        self.result.seconds = time.monotonic() - start
        self.result.connections = self.cluster.connections() - before
        return self.result

    def fail(self):
        self.failing.child.send_signal(self.outage.signal)
        if self.outage.pause:
            self.resuming = threading.Timer(self.outage.pause, self.failing.child.send_signal, [signal.SIGCONT])
            self.resuming.start()

    def asked(self, request):
        """The answer, and whether it is right."""
        answer = self.program.answer(request)
        return answer, self.expected.is_right(request, answer or "error no answer")

    def counted(self, request):
        """Asks and counts. False when the client does not go on."""
        answer, is_right = self.asked(request)
        if request[1] not in self.lost:
            self.result.right += is_right
            self.result.wrong += not is_right
            if not is_right:
                self.result.complaints[f"{request[0]}: {answer}"] += 1
        if answer is None:
            self.result.complaints[f"no answer within {ANSWER_LIMIT} s, or ended: {self.program.last_words}"] += 1
        return answer is not None

    def end(self):
        if self.resuming:
            self.resuming.cancel()
        self.program.end()
        self.cluster.end()


def play(*arguments):
    """The result of one client in one outage; everything that it started has ended."""
    one = Play(*arguments)
    try:
        return one.run()
    finally:
        one.end()
