"""Rows about servers that die, hang, are slow, or come back: F1-F9, F16-F20, F37."""

import random
import socket
import time

from bars import MEGABYTE, quantile, share_ok
from client import NOT_DONE
from rig import DEFAULTS, STRICT, eventually
from table import row

T = 0.5


def down_and_back(play, down, up, *, seconds, relayed=False, detect, forgets=False, faulty=(0,), settings=STRICT):
    """One server fails, and comes back."""
    rig, load = play.start(settings, relayed=relayed)
    play.wait(0.6)
    if forgets:
        load.forget(0)
    failed_at = time.monotonic()
    down(rig)
    play.pause(seconds)
    up(rig)
    back_at = time.monotonic()
    play.pause(2.2)
    play.until_all_are_up()
    play.stop()
    found = play.detected(0, failed_at)
    play.time_bar("detect", found, "<=", detect)
    errors = [e for e in play.errors(0, failed_at + (found or 0), back_at) if e[5] == "down"]
    # A request behind another in the pipe waits for that one, not for the server.
    alone = [e for e in errors if play.result.pinned[e[1]] == 0]
    play.time_bar("then p50", quantile(alone, 0.5), "<=", 5)
    play.time_bar("longest", max((e[4] for e in play.result.events), default=0), "<=", 1000 * T + 250)
    play.time_bar("recover", play.recovered(0, back_at), "<=", 1200)
    play.judge(faulty, failed_at)


@row("F1", "a server is killed and comes back empty", short=True)
def killed(play):
    down_and_back(
        play, lambda r: r.servers[0].kill(), lambda r: r.servers[0].start(), seconds=1.5, detect=50, forgets=True
    )


@row("F1d", "the same with ringroad's defaults: eject, miss, invalidate")
def killed_by_default(play):
    rig, _ = play.start(DEFAULTS)
    play.wait(0.6)
    failed_at = time.monotonic()
    rig.servers[0].kill()
    play.pause(1.5)
    rig.servers[0].start()
    back = eventually(5, lambda: set(rig.proxy.standings()) == {"up"}, 0.02)
    play.pause(1)
    play.stop()
    errors = play.errors()
    play.bar("errors", len(errors), "<=", 48)
    play.bar("error lines", lines_of(errors), "==", 0)
    play.time_bar("last error after", max((e[0] - failed_at for e in errors), default=0), "<=", 100)
    play.time_bar("recover", back, "<=", 1200)
    play.judge((0,), failed_at)


def lines_of(errors):
    """How many were told an error line: by default nobody is."""
    return sum(e[5] != NOT_DONE for e in errors)


@row("F2", "every connection refused, every connection reset")
def refused(play):
    down_and_back(
        play, lambda r: r.relay.set(0, refuse=True), lambda r: r.relay.set(0), seconds=1.5, relayed=True, detect=50
    )


@row("F2r", "who connects is reset at once")
def reset(play):
    down_and_back(
        play, lambda r: r.relay.set(0, reset=True), lambda r: r.relay.set(0), seconds=1.5, relayed=True, detect=700
    )


@row("F3", "a server is stopped and goes on: late answers arrive", short=True)
def stopped(play):
    down_and_back(
        play, lambda r: r.servers[0].stop(), lambda r: r.servers[0].go_on(), seconds=2.5, detect=1000 * T + 500
    )


@row("F3b", "a server is stopped for less than the deadline, or just beyond, again and again")
def hiccups(play):
    rig, _ = play.start()
    dice = random.Random(play.options.seed)
    since = time.monotonic()
    for _ in range(int(8 * play.scale)):
        rig.servers[0].stop()
        play.pause(dice.choice([0.3, 0.45, 0.5, 0.55, 0.7, 0.95, 1.05]))
        rig.servers[0].go_on()
        play.pause(dice.uniform(0.05, 0.8))
    play.until_all_are_up()
    play.pause(0.5)
    play.stop()
    play.judge((0,), since)


@row("F3d", "a server is stopped and goes on, by default: it forgets what changed before it is back")
def stopped_by_default(play):
    rig, _ = play.start(DEFAULTS)
    since = time.monotonic()
    for _ in range(2 if play.scale < 1 else 3):
        rig.servers[0].stop()
        play.pause(2.5)
        rig.servers[0].go_on()
        play.until_all_are_up(20)
        play.pause(1)
    play.stop()
    play.bar("error lines", lines_of(play.errors()), "==", 0)
    play.judge((0,), since)


@row("F4", "the network swallows everything, then delivers it")
def blackhole(play):
    down_and_back(
        play,
        lambda r: r.relay.set(0, hold=True),
        lambda r: r.relay.set(0),
        seconds=2.5,
        relayed=True,
        detect=1000 * T + 500,
    )


@row("F4r", "the network swallows everything, then resets")
def blackhole_reset(play):
    down_and_back(
        play,
        lambda r: r.relay.set(0, hold=True),
        lambda r: r.relay.do(0, "reset"),
        seconds=2.5,
        relayed=True,
        detect=1000 * T + 500,
    )


@row("F4d", "the network swallows everything, then delivers it, by default")
def blackhole_by_default(play):
    rig, _ = play.start(DEFAULTS, relayed=True)
    since = time.monotonic()
    for _ in range(2):
        rig.relay.set(0, hold=True)
        play.pause(2)
        rig.relay.set(0)
        play.until_all_are_up(20)
        play.pause(0.7)
    play.stop()
    play.bar("error lines", lines_of(play.errors()), "==", 0)
    play.judge((0,), since)


@row("F5", "the kernel drops what asks to connect: the queue of the accepted is full")
def syn_dropped(play):
    rig, _ = play.start(relayed=True)
    failed_at = time.monotonic()
    before = rig.proxy.numbers()["server_connect_failures"]
    rig.relay.set(0, backlog=True)
    play.pause(1)
    middle = rig.proxy.numbers()["server_connect_failures"]
    play.pause(3)
    after = rig.proxy.numbers()["server_connect_failures"]
    rig.relay.set(0)
    back_at = time.monotonic()
    play.pause(2)
    play.until_all_are_up()
    play.stop()
    play.time_bar("detect", play.detected(0, failed_at), "<=", 1000 * T + 500)
    play.bar("connects in the first second", middle - before, "<=", 16)
    play.bar("connects/s then, workers'", (after - middle) / 3, "<=", 2)
    play.time_bar("recover", play.recovered(0, back_at), "<=", 2200)
    play.judge((0,), failed_at)


@row("F6", "half-open: the connections there are fall silent, new ones are fine")
def half_open(play):
    rig, _ = play.start(relayed=True)
    failed_at = time.monotonic()
    rig.relay.do(0, "mute")
    play.pause(5)
    play.stop()
    timeouts = [e for e in play.errors(0, failed_at)]
    play.bar("affected ok", round(100 * share_ok(play.share(0, failed_at, failed_at + 5)), 2), ">=", 99, " %")
    play.time_bar("last error after", max((e[0] - failed_at for e in timeouts), default=0), "<=", 1000 * T + 200)
    play.judge((0,), failed_at)


@row("F6i", "the network has forgotten idle connections: the first request after a rest")
def forgotten_while_idle(play):
    forgotten(play, "drop idle", 1.5, 0, 60)


@row("F6s", "the same, and nobody says so: what is sent on them is swallowed")
def silent_after_idle(play):
    forgotten(play, "mute", 1.5, 0, 250)


@row("F6p", "the same, found out before a client asks: after ten seconds")
def found_while_idle(play):
    forgotten(play, "mute", 1.5, 10, 60)


def forgotten(play, how, rest, longer, slowest):
    rig, load = play.start(relayed=True)
    load.pause()
    play.pause(rest)
    rig.relay.do(range(4), how)
    play.pause(longer)
    since = time.monotonic()
    load.go_on()
    play.wait(2)
    play.stop()
    reads = [e for e in play.errors(None, since) if e[6] in ("get", "gets", "mg")]
    play.bar("reads failed", len(reads), "==", 0)
    play.bar("writes failed", len(play.errors(None, since)) - len(reads), "==", 0)
    play.time_bar("slowest", quantile(play.result.of(since=since, until=since + 1), 1), "<=", slowest)
    play.judge(range(4), since)


@row("F7", "answers come at 10 bytes a second")
def drip(play):
    dripping(play, 10)


@row("F7b", "answers come at 1 byte a second")
def slow_drip(play):
    dripping(play, 1)


def dripping(play, rate):
    down_and_back(
        play,
        lambda r: r.relay.set(0, drip=rate),
        lambda r: r.relay.do(0, "reset"),
        seconds=3,
        relayed=True,
        detect=1000 * T + 500,
    )


@row("F8", "every answer takes 50 ms longer")
def latency(play):
    rig, _ = play.start(relayed=True)
    rig.relay.set(range(4), delay=(0.05, 0.05, 1.0))
    play.pause(0.3)
    since = time.monotonic()
    play.wait(3)
    play.stop(verify=False)
    alone = play.result.of(since=since, pinned=True)
    play.bar("errors", len(play.errors()), "==", 0)
    play.time_bar("p50 beyond the delay", quantile(alone, 0.5) - 0.05, "<=", 5)
    play.judge((), since, p99=100)


@row("F9", "answers take between nothing and twice the deadline (failures: 10000, so that nobody is taken out)")
def random_latency(play):
    rig, _ = play.start({**STRICT, "failures": "10000"}, relayed=True)
    before = rig.relay.counts()[0]
    since = time.monotonic()
    rig.relay.set(0, delay=(0, 2 * T, 0.4))
    play.wait(10)
    after = rig.relay.counts()[0]
    rig.relay.set(0)
    until = time.monotonic()
    play.pause(1.5)
    play.stop()
    could = (after["in_time"] - before["in_time"]) / max(1, after["answered"] - before["answered"])
    # Only clients that ask nobody else: the others wait behind their own late requests.
    ok = share_ok([e for e in play.share(0, since, until) if play.result.pinned[e[1]] == 0])
    play.bar("answered in time", round(100 * could, 1), ">=", 5, " %")
    play.bar("ok of what could be", round(ok / max(could, 0.01), 2), ">=", 0.9)
    play.judge((0,), since)


@row("F16", "a server is out of memory and says so")
def out_of_memory(play):
    rig, load = play.start(
        server_options={0: ["-M", "-m", "3", "-o", "no_lru_maintainer"]},
        load={"allowed": ["SERVER_ERROR out of memory"]},
    )
    load.forget(0)
    junk = b"j" * 1600
    with socket.create_connection(("127.0.0.1", rig.servers[0].port), 5) as one:
        file = one.makefile("rb")
        refusals = i = 0
        while refusals < 300 and i < 100000:
            size = 50 + i * 37 % 1550
            one.sendall(b"set junk%d 0 0 %d\r\n%s\r\n" % (i, size, junk[:size]))
            refusals = refusals + 1 if file.readline().startswith(b"SERVER_ERROR") else 0
            i += 1
    since = time.monotonic()
    connects = rig.proxy.numbers()["server_connects"]
    play.wait(2)
    standing = rig.proxy.standings()[0]
    gained = rig.proxy.numbers()["server_connects"] - connects
    play.stop(verify=False)
    errors = play.errors(0, since)
    play.bar("out of memory answers", len(errors), ">=", 5)
    play.bar("other errors", sum(not e[5].startswith("SERVER_ERROR out of memory") for e in errors), "==", 0)
    play.bar("connections made", gained, "==", 0)
    play.bar("server", standing, "==", "up")
    play.judge((0,), since)


@row("F17", "a value that is too large for its server", short=True)
def too_large(play):
    rig, _ = play.start()
    connects = rig.proxy.numbers()["server_connects"]
    value = b"v" * (2 << 20)
    said = []
    keys = rig.proxy.route([f"large:{i}" for i in range(60)])
    mine = [key.encode() for key in keys if keys[key] == 0][:8]
    since = time.monotonic()
    with rig.proxy.connect(10) as one:
        file = one.makefile("rb")
        for key in mine:
            one.sendall(b"set %s 0 0 %d\r\n%s\r\nget %s\r\n" % (key, len(value), value, key))
            said += [file.readline(), file.readline()]
    play.wait(0.5)
    gained = rig.proxy.numbers()["server_connects"] - connects
    play.stop()
    play.bar("told so", said.count(b"SERVER_ERROR object too large for cache\r\n"), "==", len(mine))
    play.bar("in step", said.count(b"END\r\n"), "==", len(mine))
    play.bar("errors of others", len(play.errors()), "==", 0)
    # A value of that length has a connection of its own, which ends with it when it was refused half-way.
    play.bar("connections made", gained, "<=", len(mine))
    play.judge((), since, p99=100)


@row("F18", "all servers refuse, and are back")
def all_refused(play):
    all_down(play, lambda r: r.relay.set(range(4), reset=True), lambda r: r.relay.set(range(4)))


@row("F18s", "all servers hang, and go on")
def all_stalled(play):
    all_down(play, lambda r: r.relay.set(range(4), hold=True), lambda r: r.relay.set(range(4)))


def all_down(play, down, up):
    rig, _ = play.start(relayed=True)
    before = sum(c["accepts"] for c in rig.relay.counts())
    failed_at = time.monotonic()
    cpu = rig.proxy.cpu()
    down(rig)
    play.pause(4)
    cpu = (rig.proxy.cpu() - cpu) / 4
    up(rig)
    back_at = time.monotonic()
    play.pause(4)
    after = sum(c["accepts"] for c in rig.relay.counts())
    play.stop()
    play.bar("connects in 8 s", after - before, "<=", 200)
    play.time_bar("recover", max(play.recovered(i, back_at) or 99 for i in range(4)), "<=", 1500)
    play.bar("CPU while down", round(100 * cpu), "<=", 100, " %")
    play.judge(range(4), failed_at)


@row("F19", "a server flaps every 300 ms")
def flapping(play):
    rig, load = play.start()
    load.forget(0)
    since = time.monotonic()
    for _ in range(int(12 * play.scale)):
        rig.servers[0].kill()
        play.pause(0.3)
        rig.servers[0].start()
        play.pause(0.3)
    play.until_all_are_up(20)
    play.stop()
    play.judge((0,), since)


@row("F19d", "a server flaps every 300 ms, keeping what it holds, by default")
def flapping_by_default(play):
    rig, _ = play.start({**DEFAULTS, "probe_interval": "200ms", "probe_max": "400ms"}, relayed=True)
    since = time.monotonic()
    for _ in range(int(14 * play.scale)):
        rig.relay.set(0, refuse=True)
        play.pause(0.3)
        rig.relay.set(0)
        play.pause(0.6)
    play.until_all_are_up(20)
    play.pause(0.5)
    play.stop()
    play.bar("error lines", lines_of(play.errors()), "==", 0)
    play.judge((0,), since)


@row("F20", "a stopped server and noreply writes of 100 kB")
def stalled_noreply(play):
    rig, _ = play.start()
    keys = rig.proxy.route([f"bulk:{i}" for i in range(60)])
    mine = [key.encode() for key in keys if keys[key] == 0]
    since = time.monotonic()
    rig.servers[0].stop()
    sent = flood(rig.proxy, mine, 3 * play.scale)
    rig.servers[0].go_on()
    play.pause(1.5)
    play.until_all_are_up()
    dropped = play.gained("noreply_dropped")
    play.stop()
    play.bar("sent", round(sent / MEGABYTE), ">=", 50, " MB")
    play.bar("dropped, counted", dropped, ">=", 1)
    play.judge((0,), since, p99=150)


def flood(proxy, keys, seconds):
    """Writes without end and asks for no answer; how many bytes were taken."""
    value = b"b" * 100_000
    total = 0
    with proxy.connect(1) as one:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for key in keys:
                try:
                    one.sendall(b"set %s 0 0 %d noreply\r\n%s\r\n" % (key, len(value), value))
                except OSError:
                    return total
                total += len(value)
    return total


@row("F18d", "all servers refuse, and are back, by default")
def all_refused_by_default(play):
    rig, _ = play.start(DEFAULTS, relayed=True)
    failed_at = time.monotonic()
    rig.relay.set(range(4), refuse=True)
    play.pause(3)
    rig.relay.set(range(4))
    back = play.until_all_are_up()
    play.pause(1)
    play.stop()
    play.time_bar("recover", back, "<=", 1500)
    play.bar("error lines", lines_of(play.errors()), "==", 0)
    play.judge(range(4), failed_at)


@row("F37", "servers are stopped one by one, and go on in any order")
def swizzle(play):
    rig, _ = play.start()
    dice = random.Random(play.options.seed)
    since = time.monotonic()
    slowest = 0.0
    healed = []
    for _ in range(1 if play.scale < 1 else 2):
        order = dice.sample(range(4), 4)
        for i in order:
            rig.servers[i].stop()
            play.pause(dice.uniform(0.2, 0.6))
        dice.shuffle(order)
        for i in order:
            rig.servers[i].go_on()
            healed.append((i, time.monotonic()))
            play.pause(dice.uniform(0.3, 0.8))
        play.until_all_are_up()
        play.pause(0.5)
    play.stop()
    slowest = max(play.recovered(i, at) or 99 for i, at in healed)
    play.time_bar("recover", slowest, "<=", 1500)
    play.judge(range(4), since)
