"""Rows about the operator and the machine: F28-F34, F36, F38."""

import ctypes
import os
import signal
import socket
import subprocess
import tempfile
import threading
import time

from bars import MEGABYTE, Skipped, eventually, quantile, share_ok
from rig import STRICT, Memcached, Proxy, end_with_parent
from rows_clients import built, in_background, slow_reader
from rows_servers import flood
from table import row


@row("F28", "the log's device is full")
def log_full(play):
    noisy(play, head="log: {to: /dev/full, level: debug}\n")


@row("F28p", "who reads the log's pipe has stopped")
def log_stuck(play):
    reader, writer = os.pipe()
    try:
        noisy(play, head="log: {level: debug}\n", errors=os.fdopen(writer, "wb"))
    finally:
        os.close(reader)


def noisy(play, **proxy):
    """Failures of one server, each of which is worth a line."""
    rig, _ = play.start(relayed=True, **proxy)
    since = time.monotonic()
    rig.relay.set(0, garbage=True, chance=0.3)
    play.wait(2.5)
    # A pipe takes 64 KiB.
    for i in range(300):
        rig.proxy.replace(rig.proxy.text(request_timeout=f"{500 + i % 2}ms"))
        os.kill(rig.proxy.pid, signal.SIGHUP)
        time.sleep(0.004)
    rig.relay.set(0)
    play.pause(1.5)
    play.until_all_are_up()
    lines = rig.proxy.numbers().get("log_lines_dropped", rig.proxy.numbers().get("log_dropped"))
    play.stop()
    play.remarks.append(f"log lines dropped: {lines}")
    play.judge((0,), since)


@row("F29", "reload after reload under load", short=True)
def reload_storm(play):
    reloads(play, 150 if play.scale < 1 else 1000)


def reloads(play, count):
    rig, _ = play.start()
    reload_some(rig, 30)
    play.pause(0.3)
    base = rig.proxy.rss()
    before = rig.proxy.numbers()
    since = time.monotonic()
    reload_some(rig, count)
    done = eventually(10, lambda: rig.proxy.numbers()["reloads"] - before["reloads"] >= count * 0.95, 0.1)
    after = rig.proxy.numbers()
    grown = rig.proxy.rss() / base - 1
    play.stop()
    play.bar("reloads", after["reloads"] - before["reloads"], ">=", int(count * 0.95))
    play.bar("took effect", done is not None, "==", True)
    play.bar("errors", len(play.errors()), "==", 0)
    play.bar("connections made", after["server_connects"] - before["server_connects"], "==", 0)
    play.bar("RSS grew by", round(100 * grown, 1), "<=", 5, " %")
    play.judge((), since, p99=100)


def reload_some(rig, count):
    """Two files in turn; each next only when the one before is in force."""
    for i in range(count):
        before = rig.proxy.numbers()["reloads"]
        rig.proxy.replace(rig.proxy.text(request_timeout=f"{500 + i % 2}ms"))
        os.kill(rig.proxy.pid, signal.SIGHUP)
        end = time.monotonic() + 1
        while rig.proxy.numbers()["reloads"] == before and time.monotonic() < end:
            time.sleep(0.002)


BAD_FILES = [
    b"",
    b"\0\0\0",
    b"servers: [",
    b"listen: 127.0.0.1:1\n",
    b"servers: [127.0.0.1:1]\nserver: x\n",
    b"{}",
    b"\xff\xfe\xff",
    b"servers: []\n",
]


@row("F30", "a bad file at a reload", short=True)
def bad_file(play):
    rig, _ = play.start()
    since = time.monotonic()
    good = rig.proxy.text().encode()
    files = BAD_FILES + [good[: len(good) // 2], good + b"\0", good + good, good.replace(b"500ms", b"500")]
    before = rig.proxy.numbers()
    for text in files:
        rig.proxy.replace(text)
        os.kill(rig.proxy.pid, signal.SIGHUP)
        time.sleep(0.15)
    after = rig.proxy.numbers()
    shown = "last_reload_error" in after
    play.wait(0.3)
    os.remove(rig.proxy.path)
    os.kill(rig.proxy.pid, signal.SIGHUP)
    time.sleep(0.2)
    rig.proxy.replace(good)
    os.kill(rig.proxy.pid, signal.SIGHUP)
    healed = eventually(3, lambda: "last_reload_error" not in rig.proxy.numbers(), 0.05)
    play.stop()
    play.bar("refused", after["reload_failures"] - before["reload_failures"], ">=", len(files))
    play.bar("taken", after["reloads"] - before["reloads"], "==", 0)
    play.bar("shown", shown, "==", True)
    play.bar("no longer shown when good", healed is not None, "==", True)
    play.bar("errors", len(play.errors()), "==", 0)
    play.judge((), since)


@row("F31", "SIGTERM under load", short=True)
def terminated(play):
    rig, load = play.start(load={"think": 0.005})
    play.wait(0.5)
    load.order("ending")
    since = time.monotonic()
    os.kill(rig.proxy.pid, signal.SIGTERM)
    ended = eventually(10, lambda: rig.proxy.child.poll() is not None)
    code = rig.proxy.child.poll()
    play.pause(0.3)
    play.stop(verify=False)
    play.bar("exit", code, "==", 0)
    play.time_bar("ended after", ended, "<=", 5000)
    play.remarks.append(f"sent when it was over: {play.result.raced}")
    play.bar("violations", play.result.bad, "==", 0)
    play.bar("requests", len(play.result.events), ">=", 100)
    play.bar("errors", len(play.errors(None, since)), "==", 0)


@row("F32", "a server's name moves to another address")
def name_moves(play):
    if os.getuid():
        raise Skipped("needs root for a file /etc/hosts of its own")
    with tempfile.NamedTemporaryFile("w") as hosts:
        hosts.write("127.0.0.1 localhost\n127.0.0.1 moving.test\n")
        hosts.flush()
        one = Memcached()
        wrap = ["unshare", "-m", "sh", "-c", 'mount --bind "$0" /etc/hosts && exec "$@"', hosts.name]
        proxy = Proxy(play.options.binary, [one.port], STRICT, wrap=wrap, host="moving.test")
        two = None
        try:
            before = proxy.ask(b"set moved 0 0 1\r\n1\r\n")
            one.kill()
            two = subprocess.Popen(
                ["memcached", "-u", "root", "-l", "127.0.0.2", "-p", str(one.port), "-U", "0"],
                preexec_fn=end_with_parent,
            )
            hosts.seek(0)
            hosts.write("127.0.0.1 localhost\n127.0.0.2 moving.test\n")
            hosts.flush()
            found = eventually(37, lambda: proxy.ask(b"set moved 0 0 1\r\n1\r\n") == b"STORED\r\n", 0.2)
        finally:
            proxy.end()
            one.end()
            if two:
                two.kill()
                two.wait()
    play.bar("before", before, "==", b"STORED\r\n")
    play.bar("followed after", None if found is None else round(found, 1), "<=", 35, " s")


@row("F33", "the wall clock jumps by a day, forth and back", short=True)
def clock_jumps(play):
    program = built("clock.c", "-shared", "-fPIC", "-ldl")
    with tempfile.NamedTemporaryFile("w") as shift:
        rig, _ = play.start(
            environment={"LD_PRELOAD": program, "CLOCK_SHIFT": shift.name}, head="log: {format: json}\n"
        )
        since = time.monotonic()
        for seconds in (86400, -86400, 1, -1, 0, 4_000_000_000, 0):
            shift.seek(0)
            shift.truncate()
            shift.write(str(seconds))
            shift.flush()
            os.kill(rig.proxy.pid, signal.SIGHUP)
            play.wait(0.5)
        standings = set(rig.proxy.standings())
        log = rig.proxy.log
        play.stop()
    days = {line[: line.find("T", 8) + 1] for line in log.splitlines()}
    play.bar("days in the log", len(days), ">=", 3)
    play.bar("errors", len(play.errors()), "==", 0)
    play.bar("servers", standings, "==", {"up"})
    play.judge((), since)


@row("F34", "memory is limited: a stopped server, floods of noreply, and clients that never read")
def memory_limited(play):
    pressed(play, 12 * play.scale)


def pressed(play, seconds, think=0.01):
    rig, load = play.start(load={"think": think})
    limit = rig.proxy.most_memory(rig.proxy.rss(), 600)
    group = memory_group(rig.proxy.pid, int(limit * 1.1))
    value = b"v" * 900_000
    with rig.proxy.connect() as one:
        for i in range(8):
            one.sendall(b"set unread:%d 0 0 %d\r\n%s\r\n" % (i, len(value), value))
            one.recv(100)
    keys = [b"unread:%d" % i for i in range(8)]
    bulk = [f"bulk:{i}".encode() for i in range(60)]
    # What the floods leave no room for is evicted.
    for i in range(4):
        load.forget(i)
    since = time.monotonic()
    crowd = [rig.proxy.connect() for _ in range(500)]
    readers = in_background(*[(slow_reader, rig.proxy, keys, seconds)] * 12, *[(flood, rig.proxy, bulk, seconds)] * 2)
    until = since + seconds
    while time.monotonic() < until:
        rig.servers[0].stop()
        time.sleep(2)
        rig.servers[0].go_on()
        time.sleep(1)
    for thread in readers:
        thread.join(10)
    for one in crowd:
        one.close()
    most = (play.sampler.most) / MEGABYTE
    play.until_all_are_up()
    play.pause(1)
    back = eventually(60, lambda: rig.proxy.rss() < 2 * play.sampler.base, 0.5)
    play.stop(verify=False)
    play.bar("limited by a cgroup", group is not None, "==", True)
    play.bar("most", round(most), "<=", round(limit / MEGABYTE), " MB")
    play.remarks.append(
        f"RSS before {play.sampler.base / MEGABYTE:.0f} MB, at the end {rig.proxy.rss() / MEGABYTE:.0f} MB"
    )
    play.time_bar("memory back after", back, "<=", 60000)
    play.bar("alive", rig.proxy.is_alive, "==", True)
    play.bar("violations", play.result.bad, "==", 0)
    play.bar("requests", len(play.result.events), ">=", 100)
    rig.end()
    if group:
        os.rmdir(group)


def memory_group(pid, limit):
    """A cgroup that holds the process to this much memory; None where there is none to be had."""
    for root, name in (("/sys/fs/cgroup/memory", "memory.limit_in_bytes"), ("/sys/fs/cgroup", "memory.max")):
        path = f"{root}/ringroad-faults-{pid}"
        try:
            os.makedirs(path, exist_ok=True)
            with open(f"{path}/{name}", "w") as file:
                file.write(str(limit))
            with open(f"{path}/cgroup.procs", "w") as file:
                file.write(str(pid))
            return path
        except OSError:
            try:
                os.rmdir(path)
            except OSError:
                pass
    return None


@row("F36", "one worker's thread is held for a second, again and again")
def held_worker(play):
    rig, _ = play.start()
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    seize, interrupt, detach = 0x4206, 0x4207, 17
    thread = next(
        int(t) for t in os.listdir(f"/proc/{rig.proxy.pid}/task") if name_of(rig.proxy.pid, t) == "ringroad-1"
    )
    since = time.monotonic()
    held = 0
    for _ in range(2):
        if libc.ptrace(seize, thread, None, None):
            raise Skipped(f"may not hold a thread: {os.strerror(ctypes.get_errno())}")
        libc.ptrace(interrupt, thread, None, None)
        os.waitpid(thread, 0x40000000)
        play.pause(1)
        held += libc.ptrace(detach, thread, None, None) == 0
        play.pause(0.5)
    play.until_all_are_up()
    play.stop()
    # Clients of the worker that was held waited for it; nobody else did.
    events = play.result.of(since=since)
    hurt = {e[1] for e in events if e[4] > 0.6}
    others = [e for e in events if e[1] not in hurt]
    play.bar("held", held, "==", 2)
    play.bar("clients of other workers", 16 - len(hurt), ">=", 6)
    play.bar("others ok", round(100 * share_ok(others), 2), ">=", 99.9, " %")
    play.time_bar("others p99", quantile(others, 0.99), "<=", 50)
    play.judge(range(4), since, is_isolated=False)


def name_of(pid, thread):
    try:
        with open(f"/proc/{pid}/task/{thread}/comm") as file:
            return file.read().strip()
    except OSError:
        return ""


@row("F38", "one process takes over from another: who starts them holds the socket")
def hand_over(play):
    rig, _ = play.start()
    socket_of_ours = socket.create_server(("127.0.0.1", 0), backlog=4096)
    settings = {"drain_timeout": "5s"}
    proxy = Proxy(play.options.binary, [server.port for server in rig.servers], settings, handed=socket_of_ours)
    counts = {"answered": 0, "refused": 0, "lost": 0}
    lock, is_over = threading.Lock(), threading.Event()

    def come_and_go():
        while not is_over.is_set():
            what = "lost"
            try:
                with socket.create_connection(("127.0.0.1", proxy.port), 5) as wire:
                    wire.sendall(b"get nobody\r\n")
                    what = "answered" if wire.recv(100) == b"END\r\n" else "lost"
            except ConnectionRefusedError:
                what = "refused"
            except OSError:
                pass
            with lock:
                counts[what] += 1

    threads = [threading.Thread(target=come_and_go) for _ in range(4)]
    for thread in threads:
        thread.start()
    codes = []
    for _ in range(5):
        time.sleep(0.3)
        following = Proxy(play.options.binary, [server.port for server in rig.servers], settings, handed=socket_of_ours)
        os.kill(proxy.pid, signal.SIGTERM)
        codes.append(proxy.child.wait(10))
        proxy.end()
        proxy = following
    time.sleep(0.3)
    is_over.set()
    for thread in threads:
        thread.join()
    proxy.end()
    socket_of_ours.close()
    play.stop()
    play.bar("exit codes", codes, "==", [0] * 5)
    play.bar("connections refused", counts["refused"], "==", 0)
    play.bar("answered", counts["answered"], ">=", 500)
    play.bar("lost", round(100 * counts["lost"] / max(1, counts["answered"]), 3), "<=", 1, " %")
