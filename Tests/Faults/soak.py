"""The long run: a million connections, a thousand reloads, ten thousand flaps, ten minutes of everything at once."""

import os
import random
import signal
import subprocess
import time

from bars import eventually
from rig import STRICT
from rows_clients import built
from rows_operator import pressed, reloads
from table import Row

ROWS = {}


def long(name, title):
    def add(play):
        ROWS[name] = Row(name, title, play, False)
        return play

    return add


@long("connections", "connections, a million, one after the other on four threads")
def connections(play):
    program = built("storm.c", "-pthread")
    rig, _ = play.start(load={"think": 0.05})
    total = int(1_000_000 * play.options.soak_scale)

    def storm(count):
        command = [program, str(rig.proxy.port), str(count), "4"]
        return subprocess.run(command, capture_output=True, text=True, timeout=3000).stdout.split()

    storm(total // 20)
    play.pause(1)
    base, files = rig.proxy.rss(), rig.proxy.files()
    since = time.monotonic()
    answered, failed = map(int, storm(total))
    took = time.monotonic() - since
    back = eventually(5, lambda: rig.proxy.files() <= files + 1)
    play.stop()
    play.bar("answered", answered, "==", total)
    play.bar("failed", failed, "==", 0)
    play.bar("connections/s", round(total / took), ">=", 500)
    play.bar("RSS grew by", round(100 * (rig.proxy.rss() / base - 1), 1), "<=", 5, " %")
    play.time_bar("descriptors back", back, "<=", 2000)
    play.judge((), since, p99=150)


@long("reloads", "reloads under load, a thousand")
def thousand_reloads(play):
    reloads(play, max(20, int(1000 * play.options.soak_scale)))


@long("flaps", "flaps of a server, ten thousand")
def flaps(play):
    rig, _ = play.start({**STRICT, "probe_interval": "10ms", "probe_max": "20ms"}, relayed=True, load={"think": 0.1})
    total = max(50, int(10_000 * play.options.soak_scale))
    dice = random.Random(play.options.seed)
    since = time.monotonic()
    base = files = None
    for i in range(total):
        if i == total // 20:
            rig.relay.set(range(4))
            time.sleep(1)
            base, files = rig.proxy.rss(), rig.proxy.files()
        rig.relay.set(0, **dice.choice([{"refuse": True}, {"reset": True}, {"hold": True}]))
        time.sleep(dice.uniform(0.005, 0.03))
        rig.relay.do(0, dice.choice(["reset", None]))
        time.sleep(dice.uniform(0.005, 0.05))
    rig.relay.set(range(4))
    play.until_all_are_up(30)
    time.sleep(1)
    grown, open_now = rig.proxy.rss() / base - 1, rig.proxy.files()
    play.stop()
    play.bar("flaps", total, ">=", 50)
    play.bar("RSS grew by", round(100 * grown, 1), "<=", 5, " %")
    play.bar("descriptors more", open_now - files, "<=", 2)
    play.judge((0,), since)


def mixed_deeds(rig, dice):
    """One fault, and its end."""
    i = dice.randrange(4)
    kind = dice.randrange(9)
    if kind == 0:
        rig.servers[i].stop()
        time.sleep(dice.uniform(0.1, 2.5))
        rig.servers[i].go_on()
    elif kind == 8:
        rig.proxy.replace(rig.proxy.text(request_timeout=f"{500 + dice.randrange(2)}ms"))
        os.kill(rig.proxy.pid, signal.SIGHUP)
    else:
        faults = [
            {"hold": True}, {"refuse": True}, {"reset": True}, {"delay": (0, 1.0, 0.3)}, {"segment": 7},
            {"cut": dice.choice(["rst", "fin"]), "chance": 0.02}, {"garbage": True, "chance": 0.02},
        ][kind - 1]  # fmt: skip
        rig.relay.set(i, **faults)
        time.sleep(dice.uniform(0.2, 2))
        rig.relay.do(i, dice.choice(["reset", "mute", None, b"STORED\r\n"]))
    time.sleep(dice.uniform(0, 1.5))


@long("mixed", "mixed faults, ten minutes")
def mixed(play):
    # Every event is kept until the end: fewer of them.
    rig, _ = play.start(relayed=True, load={"think": 0.06})
    dice = random.Random(play.options.seed)
    since = time.monotonic()
    rounds = 0
    while time.monotonic() < since + 600 * play.options.soak_scale:
        mixed_deeds(rig, dice)
        rounds += 1
    play.until_all_are_up(30)
    files = rig.proxy.files()
    play.stop()
    play.bar("faults", rounds, ">=", 3)
    play.bar("descriptors", files, "<=", 80)
    play.judge(range(4), since)


@long("memory", "memory limited by a cgroup, for as long again")
def memory(play):
    pressed(play, max(6, 600 * play.options.soak_scale), think=0.1)
