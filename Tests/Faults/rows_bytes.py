"""Rows about what comes from a server: F10-F15, and the loss of packets."""

import json
import socket
import subprocess
import time

from bars import Skipped, quantile, share_ok
from lossy import FAR, NEAR, LossyWay
from rig import DEFAULTS, STRICT
from table import row

# One client's requests that may be in flight at once; all clients' may be lost with one connection.
IN_FLIGHT = 6


@row("F10", "seven bytes at a time, everywhere")
def segments(play):
    load = {"batches": (1, 2), "scale": 150, "think": 0.02}
    rig, _ = play.start(relayed=True, load={**load, "segment": 7})
    rig.relay.set(range(4), segment=7)
    cut = cpu_per_request(play, rig, 2 * play.scale)
    rig.relay.set(range(4))
    play.load.pause()
    plain_load = play.load
    plain_load.end()
    play.load = type(plain_load)(rig, seed=play.options.seed + 1, **load)
    plain = cpu_per_request(play, rig, 2 * play.scale)
    play.load.end()
    # Again in pieces, and now everything is looked at.
    rig.relay.set(range(4), segment=7)
    play.load = type(plain_load)(rig, seed=play.options.seed + 2, **load, segment=7)
    play.wait(1.5)
    play.stop()
    play.bar("errors", len(play.errors()), "==", 0)
    play.bar("CPU a request, times", round(cut / plain, 2), "<=", 3, is_time=True)
    play.judge(p99=100)


def cpu_per_request(play, rig, seconds):
    play.pause(0.3)
    begin = rig.proxy.cpu()
    before = requests(rig)
    play.pause(seconds)
    return (rig.proxy.cpu() - begin) / max(1, requests(rig) - before)


def requests(rig):
    time.sleep(0.15)
    return rig.proxy.numbers()["requests_forwarded"]


@row("F11", "connections reset in the middle of an answer", short=True)
def cut_rst(play):
    cut(play, "rst")


@row("F11f", "connections ended in the middle of a value")
def cut_fin(play):
    cut(play, "fin")


def cut(play, how):
    rig, _ = play.start(relayed=True)
    since = time.monotonic()
    rig.relay.set(0, cut=how, chance=0.01)
    play.wait(3)
    rig.relay.set(0)
    until = time.monotonic()
    play.pause(1.2)
    cuts = rig.relay.counts()[0]["injected"]
    play.until_all_are_up()
    play.stop()
    hurt = [e for e in play.errors(0, since) if e[5] == "connection lost"]
    play.bar("cuts", cuts, ">=", 5)
    play.bar("requests lost a cut", round(len(hurt) / max(1, cuts), 1), "<=", 16 * IN_FLIGHT)
    play.bar("share ok", round(100 * share_ok(play.share(0, since, until)), 1), ">=", 50, " %")
    play.judge((0,), since)


def damaged(play, least_ok, seconds=4, chance=0.02, settings=STRICT, load=None, **faults):
    rig, load = play.start(settings, relayed=True, head="log: {level: debug}\n", load=load)
    since = time.monotonic()
    rig.relay.set(0, chance=chance, **faults)
    play.wait(seconds)
    rig.relay.set(0)
    until = time.monotonic()
    play.pause(1.3)
    play.until_all_are_up()
    caught = play.gained("integrity_failures")
    injected = rig.relay.counts()[0]["injected"]
    play.stop()
    play.bar("injected", injected, ">=", 10)
    play.bar("caught", caught, ">=", 1)
    play.bar("share ok", round(100 * share_ok(play.share(0, since, until)), 1), ">=", least_ok, " %")
    play.judge((0,), since)
    return rig


# What no reader of the stream could notice in time is not played: a digit of an item's flags that is lost, or bytes of a
# value whose place the next answer takes, to its end: a meta value has nothing else behind it by which that would be seen.
NOTICEABLE = {"plain": True}


@row("F12", "bytes missing inside the stream", short=True)
def lost_bytes(play):
    damaged(play, 90, load=NOTICEABLE, lose=True)


@row("F12d", "bytes missing inside the stream, by default")
def lost_bytes_by_default(play):
    damaged(play, 90, settings=DEFAULTS, load=NOTICEABLE, lose=True)


@row("F13", "garbage before answers", short=True)
def garbage(play):
    rig = damaged(play, 50, garbage=True)
    with open(rig.proxy.log_path, "rb") as file:
        text = file.read().decode(errors="surrogateescape")
    odd = [c for c in text if ord(c) < 32 and c != "\n" or 127 <= ord(c) < 160 or 0xD800 <= ord(c) < 0xE000]
    lines = sum("reply does not fit" in line for line in text.splitlines())
    play.bar("lines of it in the log", lines, ">=", 10)
    play.bar("bytes of the log that are not text", len(odd), "==", 0)


@row("F14", "bytes that nobody asked for, while nothing is asked", short=True)
def unsolicited(play):
    rig, load = play.start(relayed=True)
    for said in (
        b"STORED\r\n",
        b"END\r\n",
        b"VALUE k0:0 0 5\r\nhello\r\nEND\r\n",
        b"\0",
        b"HD\r\n",
        b"SERVER_ERROR x\r\n",
    ):
        load.pause()
        play.pause(0.05)
        rig.relay.do(range(4), said)
        play.pause(0.12)
        load.go_on()
        play.wait(0.4)
    seen = play.gained("unsolicited_bytes")
    play.stop()
    play.bar("seen", seen, ">=", 6)
    play.bar("errors", len(play.errors()), "==", 0)
    play.judge()


@row("F15", "a value that nobody asked for in a busy pipe", short=True)
def extra_value(play):
    damaged(play, 50, extra=True)


@row("F35", "5 % of packets lost, others late and out of order, in a network of its own")
def lossy(play):
    wrap = ["unshare", "-n", "sh", "-c"]
    shape = "ip link set lo up"
    tried = subprocess.run([*wrap, f"{shape} && test -w /dev/net/tun"], capture_output=True, text=True)
    if tried.returncode:
        raise Skipped(f"needs root and tun devices: {tried.stderr.strip() or tried.stdout.strip()}")
    again = f"{shape} && exec {play.options.command} --only F35n --json /dev/stderr"
    inner = subprocess.run([*wrap, again], capture_output=True, text=True, timeout=180)
    play.bar("in that network", inner.returncode, "==", 0)
    for row in json.loads(inner.stderr[inner.stderr.index("{") :])["rows"]:
        play.bar("played there", row["state"] != "SKIP", "==", True)
        for bar in row["bars"]:
            play.bar(bar["name"], bar["value"], bar["relation"], bar["limit"], bar["unit"] and " " + bar["unit"])
    play.remarks.append(inner.stdout[-2000:])


@row("F35n", "what F35 plays in that network; for nobody else")
def lossy_here(play):
    if len(socket.if_nameindex()) > 1:
        raise Skipped("F35 plays it in a network of its own")
    way = LossyWay(play.options.seed)
    try:
        rig, _ = play.start(PATIENT, host=FAR, server_options={i: ["-l", NEAR] for i in range(4)})
        since = time.monotonic()
        play.wait(8)
        passed, lost = way.counts()
        play.stop()
    finally:
        way.end()
    play.bar("packets lost", lost, ">=", 500)
    play.bar("ok", round(100 * share_ok(play.result.events), 3), ">=", 99.9, " %")
    play.time_bar("p50", quantile(play.result.events, 0.5), "<=", 1000)
    play.judge(range(4), since)


@row("F35e", "a twentieth of the answers waits 200 ms, as for a packet sent again")
def emulated_loss(play):
    stalls(play, 0.05)


# A packet lost twice takes longer than half a second: the deadline is for servers, not for this.
PATIENT = {**STRICT, "request_timeout": "3s", "connect_timeout": "3s"}


def stalls(play, chance):
    rig, _ = play.start(PATIENT, relayed=True)
    since = time.monotonic()
    rig.relay.set(range(4), stall=0.2, chance=chance)
    play.wait(5)
    rig.relay.set(range(4))
    play.stop()
    play.bar("ok", round(100 * share_ok(play.result.events), 3), ">=", 99.9, " %")
    play.time_bar("p50", quantile(play.result.events, 0.5), "<=", 1000)
    play.judge(range(4), since)
