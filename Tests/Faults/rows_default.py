"""Rows about what the default settings promise: F40-F44."""

import socket
import threading
import time

from bars import eventually
from rig import LOOPBACK, Memcached, Proxy
from rows_memory import Wire, value_of
from table import row


@row("F40", "one get of 256 values of 1 MB, from three servers behind networks of 60 MB a second")
def large_multi_get(play):
    multi_get(play, 256, 1_000_000, 60e6)


@row("F40s", "one get of 60 values of 100 kB, behind networks of 3 MB a second")
def slow_multi_get(play):
    multi_get(play, 60, 100_000, 3e6)


def multi_get(play, count, size, rate):
    """The values are stored past the proxy, which knows nothing of their size."""
    options = {i: ("-m", "1024", "-I", "16m") for i in range(3)}
    rig, _ = play.start({}, load=False, relayed=True, server_options=options, count=3)
    keys = [f"large:{i}" for i in range(count)]
    for i, (key, owner) in enumerate(rig.proxy.route(keys).items()):
        with socket.create_connection((LOOPBACK, rig.servers[owner].port), 10) as one:
            one.sendall(b"set %s 0 0 %d\r\n%s\r\n" % (key.encode(), size, value_of(size, i)))
            if one.recv(100) != b"STORED\r\n":
                raise RuntimeError("not stored")
    rig.relay.set(range(3), rate=rate)
    before = sum(c["sent_bytes"] for c in rig.relay.counts())
    since = time.monotonic()
    right = 0
    ended = False
    with Wire(rig.proxy) as one:
        one.send(b"get " + " ".join(keys).encode() + b"\r\n")
        seeds = {key.encode(): i for i, key in enumerate(keys)}
        try:
            while (line := one.line()).startswith(b"VALUE "):
                _, key, _, length = line.split()
                right += one.take(int(length)) == value_of(size, seeds[key]) and one.take(2) == b"\r\n"
            ended = line == b"END"
        except (OSError, EOFError) as error:
            play.remarks.append(repr(error))
    took = time.monotonic() - since
    sent = sum(c["sent_bytes"] for c in rig.relay.counts()) - before
    play.remarks.append(f"{took:.2f} s")
    play.bar("values right", right, "==", count)
    play.bar("ended with END", ended, "==", True)
    play.bar("sent by servers, times", round(sent / max(1, count * size), 3), "<=", 1.2)
    play.bar("reads as misses", play.gained("reads_as_misses"), "==", 0)
    play.bar("connections lost", play.gained("server_connections_lost"), "==", 0)


@row("F41", "refused writes under fail_fast: locks, counters and values are as before", short=True)
def lock_is_held(play):
    rig, _ = play.start({"on_failure": "fail_fast", "probe_interval": "300ms"}, load=False)
    names = [name for name, owner in rig.proxy.route([f"lock:{i}" for i in range(200)]).items() if owner == 0][:9]
    keys = [name.encode() for name in names]
    for key in keys:
        rig.proxy.ask(b"set %s 0 0 1\r\n5\r\n" % key)
    unique = rig.proxy.ask(b"gets %s\r\n" % keys[5], b"END\r\n").split()[4]
    rig.proxy.ask(b"delete %s\r\n" % keys[0])
    held = rig.proxy.ask(b"add %s 0 60 1\r\n5\r\n" % keys[0])
    rig.servers[0].stop()
    for _ in range(4):
        rig.proxy.ask(b"get %s\r\n" % keys[0], b"END\r\n")
    out = eventually(3, lambda: rig.proxy.standings()[0] != "up")
    refused = [
        (b"add %s 0 60 1\r\nB\r\n" % keys[0], b"NOT_STORED\r\n"),
        (b"touch %s 0\r\n" % keys[1], b"NOT_FOUND\r\n"),
        (b"incr %s 1\r\n" % keys[2], b"NOT_FOUND\r\n"),
        (b"replace %s 0 0 1\r\nB\r\n" % keys[3], b"NOT_STORED\r\n"),
        (b"append %s 0 0 1\r\nB\r\n" % keys[4], b"NOT_STORED\r\n"),
        (b"cas %s 0 0 1 %d\r\nB\r\n" % (keys[5], int(unique) + 1000), b"NOT_FOUND\r\n"),
        (b"set %s 0 0 1\r\nB\r\n" % keys[6], b"NOT_STORED\r\n"),
        (b"ms %s 1\r\nB\r\n" % keys[7], b"NS\r\n"),
        (b"delete %s\r\n" % keys[8], b"NOT_FOUND\r\n"),
    ]
    told = [rig.proxy.ask(request) for request, _ in refused]
    rig.servers[0].go_on()
    play.until_all_are_up()
    after = [rig.proxy.ask(b"get %s\r\n" % key, b"END\r\n").split(b"\r\n")[1] for key in keys]
    again = rig.proxy.ask(b"add %s 0 60 1\r\nB\r\n" % keys[0])
    play.bar("lock taken", held, "==", b"STORED\r\n")
    play.bar("found out", out is not None, "==", True)
    play.bar("told", told, "==", [answer for _, answer in refused])
    # A deleted key is deleted; nothing else has changed.
    play.bar("there afterwards", after, "==", [b"5"] * 8 + [b""])
    play.bar("lock asked for again", again, "==", b"NOT_STORED\r\n")


@row("F42", "a server at its connection limit: two workers of four have a connection")
def full(play):
    servers = [Memcached(options=["-c", "40"]), Memcached()]
    proxy = None
    held = []
    try:
        while len(held) < 100:
            one = socket.create_connection((LOOPBACK, servers[0].port), 2)
            one.sendall(b"mn\r\n")
            held.append(one)
            if not one.recv(100).startswith(b"MN"):
                break
        held.pop().close()
        for one in held[:2]:
            one.close()
        held = held[2:]
        time.sleep(0.2)
        proxy = Proxy(play.options.binary, [server.port for server in servers], {}, threads=4)
        names = [f"full:{i}" for i in range(40)]
        owners = proxy.route(names)
        until = time.monotonic() + 8 * play.scale
        counts = {"full": [0, 0], "other": [0, 0]}
        lock = threading.Lock()

        def work(number):
            with Wire(proxy) as one:
                i = number
                while time.monotonic() < until:
                    i += 1
                    key = names[i % len(names)]
                    one.send(b"set %s 0 0 1\r\nx\r\n" % key.encode())
                    stored = one.line() == b"STORED"
                    with lock:
                        counts["other" if owners[key] else "full"][not stored] += 1
                    time.sleep(0.01)

        threads = [threading.Thread(target=work, args=(i,), daemon=True) for i in range(20)]
        for thread in threads:
            thread.start()
        standings = set()
        while any(thread.is_alive() for thread in threads):
            standings.add(proxy.standings()[0])
            time.sleep(0.1)
        numbers = proxy.numbers()
        log = proxy.log
    finally:
        if proxy:
            play.log = proxy.log
            proxy.end()
        for one in held:
            one.close()
        for server in servers:
            server.end()
    play.remarks += [str(counts), log[-1500:]]
    play.bar("connections held", len(held), ">=", 10)
    play.bar("server", standings, "==", {"up"})
    play.bar("integrity failures", numbers["integrity_failures"], "==", 0)
    play.bar("lines that say full", log.count("server full"), "==", 1)
    play.bar("lines that say down", log.count("server down") + log.count("server ejected"), "==", 0)
    play.bar("its writes stored", counts["full"][0], ">=", 100)
    play.bar("others' writes not stored", counts["other"][1], "==", 0)


@row("F43", "servers that refuse flush_all, and a client's flush_all while one is out", short=True)
def refuses_flush(play):
    rig, _ = play.start({}, load=False, server_options={i: ["-F"] for i in range(4)})
    mine = next(n for n, owner in rig.proxy.route([f"key:{i}" for i in range(60)]).items() if owner == 0).encode()
    rig.servers[0].stop()
    for _ in range(4):
        rig.proxy.ask(b"get %s\r\n" % mine, b"END\r\n")
    out = eventually(3, lambda: rig.proxy.standings()[0] != "up")
    rig.proxy.ask(b"flush_all\r\n")
    rig.servers[0].go_on()
    back = play.until_all_are_up(20)
    play.pause(1)
    play.bar("found out", out is not None, "==", True)
    play.time_bar("back after", back, "<=", 5000)
    play.bar("lines that say so", rig.proxy.log.count("server refuses flush_all"), "==", 1)


@row("F44", "a server that was down for six seconds, and refused, is used again")
def back_from_refusal(play):
    rig, _ = play.start({"probe_interval": "1s"}, load=False)
    mine = next(n for n, owner in rig.proxy.route([f"key:{i}" for i in range(60)]).items() if owner == 0).encode()
    rig.servers[0].kill()
    rig.proxy.ask(b"get %s\r\n" % mine, b"END\r\n")
    play.pause(6)
    rig.servers[0].start()
    back = play.until_all_are_up(20)
    stored = rig.proxy.ask(b"set %s 0 0 1\r\nx\r\n" % mine)
    with socket.create_connection((LOOPBACK, rig.servers[0].port), 2) as one:
        one.sendall(b"get %s\r\n" % mine)
        is_there = one.recv(100).startswith(b"VALUE")
    play.time_bar("used again after", back, "<=", 1500)
    play.bar("stored", stored, "==", b"STORED\r\n")
    play.bar("on it", is_there, "==", True)
