"""Rows about what clients do: F21-F27, F39."""

import os
import socket
import struct
import subprocess
import threading
import time

from bars import Skipped, eventually, share_ok
from malformed import CASES, SMUGGLING
from noreply import NOREPLY
from rig import STRICT, Memcached
from table import row

HERE = os.path.dirname(os.path.abspath(__file__))


def built(name, *flags):
    """A small program of ours in C, compiled when it is older than its source."""
    folder = os.path.join(HERE, "..", "..", ".build", "faults")
    os.makedirs(folder, exist_ok=True)
    source, target = os.path.join(HERE, name), os.path.join(folder, os.path.splitext(name)[0])
    if not os.path.exists(target) or os.path.getmtime(target) < os.path.getmtime(source):
        subprocess.run(["cc", "-O2", "-Wall", "-Wextra", "-o", target, source, *flags], check=True)
    return os.path.abspath(target)


def hang_up(one):
    one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    one.close()


@row("F21", "clients leave in the middle of a request or of an answer", short=True)
def leavers(play):
    rig, _ = play.start()
    with rig.proxy.connect() as one:
        one.sendall(b"set leaver 0 0 500000\r\n" + b"l" * 500000 + b"\r\n")
        one.recv(100)
    play.pause(0.3)
    files = rig.proxy.files()
    halves = [
        b"set half 0 0 100000\r\nabc",
        b"get leaver\r\n" * 20,
        b"ge",
        b"get k0:0 k1:0 leaver\r\nmg leaver v\r\n",
        b"ms x 9999 T",
        b"",
    ]
    since = time.monotonic()
    left = 0
    while time.monotonic() < since + 3 * play.scale:
        for i, half in enumerate(halves):
            one = rig.proxy.connect()
            one.sendall(half)
            if left % 3 == 0:
                time.sleep(0.001)
            hang_up(one) if (left + i) % 2 else one.close()
            left += 1
    back = eventually(5, lambda: rig.proxy.files() <= files + 1)
    play.stop()
    play.bar("left", left, ">=", 200)
    play.bar("errors", len(play.errors()), "==", 0)
    play.time_bar("descriptors back", back, "<=", 2000)
    play.judge((), since, p99=100)


@row("F22", "clients that never read")
def never_reads(play):
    rig, _ = play.start({**STRICT, "limits": "{unread_timeout: 10s}"})
    value = b"v" * 900_000
    with rig.proxy.connect() as one:
        for i in range(8):
            one.sendall(b"set unread:%d 0 0 %d\r\n%s\r\n" % (i, len(value), value))
            one.recv(100)
    play.pause(0.3)
    before = rig.proxy.numbers()["client_connections"]
    since = time.monotonic()
    deaf = []
    for _ in range(24):
        one = socket.socket()
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        one.connect(("127.0.0.1", rig.proxy.port))
        one.setblocking(False)
        try:
            one.send(b"".join(b"get unread:%d\r\n" % (i % 8) for i in range(2000)))
        except BlockingIOError:
            pass
        deaf.append(one)
    play.pause(1)
    gone = eventually(25, lambda: rig.proxy.numbers()["client_connections"] <= before, 0.2)
    total = time.monotonic() - since
    play.stop()
    for one in deaf:
        one.close()
    play.time_bar("all closed after", None if gone is None else total, "<=", 21000)
    play.judge((), since, p99=150)


@row("F23", "300 clients of 10 bytes a second")
def slow_loris(play):
    rig, _ = play.start({**STRICT, "limits": "{half_request_timeout: 10s}"})
    files = rig.proxy.files()
    base = rig.proxy.rss()
    since = time.monotonic()
    slow = [rig.proxy.connect() for _ in range(300)]
    request = b"set loris 0 0 100000\r\n" + b"l" * 1000
    for at in range(0, 60):
        for one in slow:
            try:
                one.sendall(request[at : at + 1])
            except OSError:
                pass
        time.sleep(0.1)
    per = (rig.proxy.rss() - base) / len(slow) / 1024
    gone = eventually(12, lambda: rig.proxy.files() <= files + 1, 0.1)
    total = time.monotonic() - since
    play.stop()
    for one in slow:
        one.close()
    play.bar("errors", len(play.errors()), "==", 0)
    play.bar("memory a connection", round(per, 1), "<=", 16, " kB")
    play.time_bar("all closed after", None if gone is None else total, "<=", 14000)
    play.judge((), since, p99=100)


@row("F24", "a storm of connections", short=True)
def storm(play):
    program = built("storm.c", "-pthread")
    rig, load = play.start()
    files = rig.proxy.files()
    since = time.monotonic()
    said = subprocess.run(
        [program, str(rig.proxy.port), str(int(20000 * play.scale)), "4"], capture_output=True, text=True, timeout=120
    )
    took = time.monotonic() - since
    back = eventually(5, lambda: rig.proxy.files() <= files + 1)
    play.stop()
    play.bar("connections failed", int(said.stdout.split()[1]), "==", 0)
    # What this machine can do beside the load and everything else; 10,000 when it does nothing else.
    play.bar("connections/s", round(int(said.stdout.split()[0]) / took), ">=", 1000)
    play.bar("errors", len(play.errors()), "==", 0)
    play.time_bar("descriptors back", back, "<=", 2000)
    play.judge((), since, p99=150)


@row("F25", "the limit of descriptors is reached", short=True)
def descriptors(play):
    rig, load = play.start(files=100)
    since = time.monotonic()
    crowd = []
    for _ in range(150):
        one = socket.socket()
        one.settimeout(0.2)
        try:
            one.connect(("127.0.0.1", rig.proxy.port))
            crowd.append(one)
        except OSError:
            one.close()
    play.wait(1)
    load.pause()
    cpu = rig.proxy.cpu()
    play.pause(1)
    cpu = rig.proxy.cpu() - cpu
    load.go_on()
    play.wait(0.5)
    for one in crowd:
        one.close()
    again = eventually(5, rig.proxy.answers)
    play.stop()
    play.bar("errors", len(play.errors()), "==", 0)
    play.bar("CPU at the limit", round(100 * cpu, 1), "<=", 10, " %")
    play.time_bar("serves again after", again, "<=", 500)
    play.judge((), since)


@row("F25s", "connections to servers are lost at the limit of descriptors: they are made again")
def descriptors_for_servers(play):
    rig, _ = play.start(relayed=True, files=100)
    since = time.monotonic()
    crowd = []
    for _ in range(150):
        one = socket.socket()
        one.settimeout(0.2)
        try:
            one.connect(("127.0.0.1", rig.proxy.port))
            crowd.append(one)
        except OSError:
            one.close()
    play.pause(0.3)
    rig.relay.do(0, "reset")
    play.wait(3)
    until = time.monotonic()
    for one in crowd:
        one.close()
    play.pause(0.5)
    play.stop()
    play.bar("ok since", round(100 * share_ok(play.share(0, since + 1.5, until)), 1), ">=", 99, " %")
    play.judge((0,), since)


@row("F26", "malformed requests", short=True)
def malformed(play):
    rig, _ = play.start(STRICT)
    since = time.monotonic()
    silent = told = closed = 0
    for case in CASES + SMUGGLING:
        with rig.proxy.connect(3) as one:
            answer = b""
            try:
                one.sendall(case)
                one.shutdown(socket.SHUT_WR)
                while True:
                    more = one.recv(65536)
                    if not more:
                        break
                    answer += more
            except TimeoutError:
                silent += 1
            except OSError:
                closed += 1
            told += b"ERROR" in answer
    smuggled = rig.proxy.ask(b"get smuggled\r\n", b"END\r\n")
    play.stop()
    play.bar("cases", len(CASES) + len(SMUGGLING), ">=", 225)
    play.bar("neither answered nor closed", silent, "==", 0)
    play.bar("told so", told, ">=", 100)
    play.bar("smuggled", smuggled != b"END\r\n", "==", False)
    play.bar("errors of others", len(play.errors()), "==", 0)
    play.judge((), since, p99=100)


@row("F27", "noreply and quiet requests beside a memcached", short=True)
def noreply(play):
    rig, _ = play.start()
    other = Memcached()
    differences = []
    try:
        for setup, request, look in NOREPLY:
            answers = []
            for port in (rig.proxy.port, other.port):
                with socket.create_connection(("127.0.0.1", port), 3) as one:
                    one.sendall(b"delete q noreply\r\n" + setup + b"mn\r\n")
                    until_mark(one)
                    one.sendall(request + b"mn\r\n" + look + b"mn\r\n")
                    answers.append(until_mark(one) + until_mark(one))
            if answers[0] != answers[1]:
                differences.append(f"{request!r}: {answers}")
    finally:
        other.end()
    play.stop()
    play.remarks += differences
    play.bar("cases", len(NOREPLY), ">=", 23)
    play.bar("differences", len(differences), "==", 0)
    play.judge()


def until_mark(one):
    """What is said up to the next MN, which is taken byte by byte so that none is lost."""
    answer = b""
    while not answer.endswith(b"MN\r\n"):
        more = one.recv(1)
        if not more:
            return answer + b"(closed)"
        answer += more
    return answer


@row("F39", "a greedy client: pipelines without limit, and reads", short=True)
def greedy(play):
    rig, load = play.start()
    program = os.path.join(HERE, "..", "..", "Benchmarks", "build", "loadgen")
    if not os.path.exists(program):
        built_it = subprocess.run(
            ["make", "-C", os.path.join(HERE, "..", "..", "Benchmarks")], capture_output=True, text=True
        )
        if built_it.returncode:
            raise Skipped(f"no load generator: {built_it.stderr[-200:]}")
    common = [program, "--port", str(rig.proxy.port), "--keys", "1000"]
    subprocess.run([*common, "--fill", "--connections", "1"], capture_output=True, timeout=60)
    since = time.monotonic()
    greed = subprocess.run(
        [*common, "--connections", "1", "--depth", "5000", "--seconds", str(3 * play.scale)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    play.stop()
    play.bar("greedy client's run", greed.returncode, "==", 0)
    play.remarks.append(greed.stdout[:300])
    play.bar("errors of others", len(play.errors()), "==", 0)
    play.judge((), since, p99=150)


def slow_reader(proxy, keys, seconds):
    """Asks for large values all the time and reads none."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        one = socket.socket()
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        one.settimeout(1)
        try:
            one.connect(("127.0.0.1", proxy.port))
            while time.monotonic() < end:
                one.sendall(b"".join(b"get %s\r\n" % key for key in keys) * 10)
        except OSError:
            pass
        one.close()


def in_background(*calls):
    threads = [threading.Thread(target=call, args=arguments, daemon=True) for call, *arguments in calls]
    for thread in threads:
        thread.start()
    return threads
