"""The stats command of the fake servers: enough rows of each report for a proxy that reads and adds them."""

from numerals import lenient_unsigned

KINDS = (b"reset", b"detail", b"settings", b"cachedump", b"conns", b"items", b"slabs", b"sizes")


def stats(session, words):
    kind = words[1] if len(words) > 1 else b""
    if session.version.is_strict and kind:
        # The first report whose name begins so.
        kind = next((known for known in KINDS[:5] if known.startswith(kind)), kind)
    if not kind:
        report(session, general(session.server))
    elif kind == b"reset":
        session.items.counts.clear()
        session.reply(b"RESET")
    elif kind == b"detail":
        detail(session, words[2] if len(words) > 2 else b"")
    elif kind == b"cachedump":
        cachedump(session, words)
    elif kind == b"settings":
        report(session, settings(session.server))
    elif kind == b"conns":
        report(session, [(f"{number}:state", "conn_parse_cmd") for number in range(1, session.server.open_connections + 1)])
    elif kind in KINDS:
        report(session, by_class(session.items, kind))
    else:
        session.reply(b"ERROR")


def report(session, rows):
    session.send(b"".join(f"STAT {name} {value}\r\n".encode() for name, value in rows) + b"END\r\n")


def general(server):
    items, counts = server.items, server.items.counts
    held = [items.held[key] for key in list(items.held) if items.get(key)]
    yield from [
        ("pid", server.pid),
        ("uptime", items.now - server.started_at),
        ("time", items.now + items.started),
        ("version", server.version.name),
        ("libevent", "2.1.12-stable"),
        ("pointer_size", 64),
        ("rusage_user", "0.010000"),
        ("rusage_system", "0.010000"),
        ("max_connections", server.limit or 1024),
        ("curr_connections", server.open_connections),
        ("total_connections", server.total_connections),
        ("rejected_connections", server.rejected_connections),
    ]
    for name in "cmd_get cmd_set cmd_flush cmd_touch get_hits get_misses get_expired get_flushed delete_misses delete_hits".split():
        yield name, counts.get(name, 0)
    for name in "incr_misses incr_hits decr_misses decr_hits cas_misses cas_hits cas_badval touch_hits touch_misses".split():
        yield name, counts.get(name, 0)
    yield from [
        ("bytes_read", server.bytes_read),
        ("bytes_written", server.bytes_written),
        ("limit_maxbytes", 64 << 20),
        ("threads", 1),
        ("bytes", sum(item.size for item in held)),
        ("curr_items", len(held)),
        ("total_items", counts.get("total_items", 0)),
        ("evictions", 0),
        ("reclaimed", 0),
    ]


def settings(server):
    yield from [
        ("maxbytes", 64 << 20),
        ("maxconns", server.limit or 1024),
        ("tcpport", server.port),
        ("udpport", 0),
        ("inter", "127.0.0.1"),
        ("evictions", "on"),
        ("cas_enabled", "yes"),
        ("item_size_max", 1 << 20),
        ("flush_enabled", "yes" if server.may_flush else "no"),
    ]


def by_class(items, kind):
    held = {}
    for item in [items.held[key] for key in list(items.held) if items.get(key)]:
        held.setdefault(item.slab_class, []).append(item)
    for number, those in sorted(held.items()):
        if kind == b"items":
            yield f"items:{number}:number", len(those)
            yield f"items:{number}:age", max(items.now - item.time for item in those)
            yield f"items:{number}:evicted", 0
        elif kind == b"slabs":
            yield f"{number}:chunk_size", max(item.size for item in those)
            yield f"{number}:used_chunks", len(those)
    if kind == b"slabs":
        yield "active_slabs", len(held)
        yield "total_malloced", len(held) << 20
    elif kind == b"sizes":
        yield "sizes_status", "disabled"


def detail(session, switch):
    if switch == b"dump":
        session.send(b"END\r\n")
    else:
        session.reply(b"OK" if switch in (b"on", b"off") else b"CLIENT_ERROR usage: stats detail on|off|dump")


def cachedump(session, words):
    if len(words) < 4:
        session.reply(b"CLIENT_ERROR bad command line")
        return
    number, most = lenient_unsigned(words[2], 32), lenient_unsigned(words[3], 32)
    if number is None or most is None:
        session.reply(b"CLIENT_ERROR bad command line format")
        return
    if number >= 64:
        session.reply(b"CLIENT_ERROR Illegal slab id")
        return
    items = session.items
    held = [item for item in [items.get(key) for key in list(items.held)] if item and item.slab_class == number]
    held = held[: most or None]
    started = items.started
    rows = [b"ITEM %s [%d b; %d s]\r\n" % (item.key, len(item.value), started + item.exptime) for item in held]
    session.send(b"".join(rows) + b"END\r\n")
