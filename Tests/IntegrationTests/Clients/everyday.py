"""Everyday requests through one of Python's memcached libraries, with every reply checked.

    everyday.py pymemcache|pymemcache-pool|pylibmc|python-memcached PORT

Exit 0 and "N checks passed", or an exception that names the reply that differs.
"""

import sys

try:
    import memcache
    import pylibmc
    from pymemcache.client.base import Client, PooledClient
except ImportError as error:
    sys.exit(f"{error}: `make test` installs the client libraries")

checks = 0


def same(got, expected, what):
    global checks
    checks += 1
    if got != expected:
        raise AssertionError(f"{what}: got {got!r}, expected {expected!r}")


def with_pymemcache(client):
    """Client and PooledClient have the same interface. noreply is their default for writes."""
    same(client.set("greeting", b"hello", noreply=False), True, "set")
    same(client.get("greeting"), b"hello", "get")
    client.set("quiet", b"1")
    same(client.get("quiet"), b"1", "get after a set without a reply")
    same(client.get("nothing"), None, "get of nothing")
    same(client.get("nothing", default=b"d"), b"d", "get with a default")

    many = {f"many:{i}": b"value %d \r\nEND\r\n" % i for i in range(100)}
    same(client.set_many(many, noreply=False), [], "set_many")
    same(client.get_many(list(many) + ["nothing"]), many, "get_many")
    got = client.gets_many(list(many))
    same({key: value for key, (value, _) in got.items()}, many, "gets_many")

    same(client.add("greeting", b"no", noreply=False), False, "add of what is there")
    same(client.add("fresh", b"yes", noreply=False), True, "add")
    same(client.replace("fresh", b"other", noreply=False), True, "replace")
    same(client.replace("nothing", b"x", noreply=False), False, "replace of nothing")
    same(client.append("fresh", b">", noreply=False), True, "append")
    same(client.prepend("fresh", b"<", noreply=False), True, "prepend")
    same(client.get("fresh"), b"<other>", "get after append and prepend")
    client.append("fresh", b"!", noreply=True)
    same(client.get("fresh"), b"<other>!", "get after append without a reply")

    value, token = client.gets("greeting")
    same(value, b"hello", "gets")
    same(client.cas("greeting", b"new", token, noreply=False), True, "cas")
    same(client.cas("greeting", b"newer", token, noreply=False), False, "cas with an old token")
    same(client.cas("nothing", b"x", token, noreply=False), None, "cas of nothing")
    same(client.get("greeting"), b"new", "get after cas")

    client.set("number", b"10", noreply=False)
    same(client.incr("number", 5), 15, "incr")
    same(client.decr("number", 20), 0, "decr stops at nothing")
    same(client.incr("nothing", 1), None, "incr of nothing")
    same(client.touch("number", 100, noreply=False), True, "touch")
    same(client.touch("nothing", 100, noreply=False), False, "touch of nothing")

    big = bytes(range(256)) * 3900
    same(client.set("big", big, noreply=False), True, "set of a big value")
    same(client.get("big"), big, "get of a big value")
    same(client.set("k" * 250, b"long key", noreply=False), True, "set of the longest key")
    same(client.get("k" * 250), b"long key", "get of the longest key")

    same(client.delete("greeting", noreply=False), True, "delete")
    same(client.delete("greeting", noreply=False), False, "delete of nothing")
    client.delete("fresh")
    same(client.get("fresh"), None, "get after a delete without a reply")
    same(client.delete_many(list(many)[:50], noreply=False), True, "delete_many")
    same(len(client.get_many(list(many))), 50, "get_many of what is left")

    same(client.version().startswith(b"1."), True, "version")
    stats = client.stats()
    same(b"curr_items" in stats and b"version" in stats, True, "stats")
    same(client.flush_all(noreply=False), True, "flush_all")
    same(client.get_many(list(many)), {}, "get_many after flush_all")
    client.close()


def with_pylibmc(port):
    client = pylibmc.Client(
        [f"127.0.0.1:{port}"], binary=False, behaviors={"cas": True, "tcp_nodelay": True}
    )
    same(client.set("greeting", "hello"), True, "set")
    same(client.get("greeting"), "hello", "get")
    same(client.get("nothing"), None, "get of nothing")
    for value in ["text", b"bytes\r\nEND\r\n", 42, 4.5, True, ["a", {"b": 1}], None]:
        same(client.set("typed", value), True, f"set of {value!r}")
        same(client.get("typed"), value, f"get of {value!r}")

    many = {f"many:{i}": f"value {i}" for i in range(100)}
    same(client.set_multi(many), [], "set_multi")
    same(client.get_multi(list(many) + ["nothing"]), many, "get_multi")
    same(client.set_multi({"a": "1", "b": "2"}, key_prefix="p:"), [], "set_multi with a prefix")
    same(client.get_multi(["a", "b"], key_prefix="p:"), {"a": "1", "b": "2"}, "get_multi with a prefix")

    same(client.add("greeting", "no"), False, "add of what is there")
    same(client.replace("greeting", "hello again"), True, "replace")
    client.set("ends", "middle")
    same(client.append("ends", ">"), True, "append")
    same(client.prepend("ends", "<"), True, "prepend")
    same(client.get("ends"), "<middle>", "get after append and prepend")
    value, token = client.gets("greeting")
    same(value, "hello again", "gets")
    same(client.cas("greeting", "new", token), True, "cas")
    same(client.cas("greeting", "newer", token), False, "cas with an old token")

    client.set("number", 10)
    same(client.incr("number", 5), 15, "incr")
    same(client.decr("number", 3), 12, "decr")
    same(client.incr_multi(["number"], delta=2), None, "incr_multi")
    same(client.get("number"), 14, "get after incr_multi")
    same(client.touch("number", 100), True, "touch")
    same(client.touch("nothing", 100), False, "touch of nothing")

    big = bytes(range(256)) * 3900
    same(client.set("big", big), True, "set of a big value")
    same(client.get("big"), big, "get of a big value")
    same(client.set("packed", "x" * 100_000, min_compress_len=1000), True, "set, compressed")
    same(client.get("packed"), "x" * 100_000, "get, compressed")

    same(client.delete("greeting"), True, "delete")
    same(client.delete("greeting"), False, "delete of nothing")
    same(client.delete_multi(list(many)[:50]), True, "delete_multi")
    same(len(client.get_multi(list(many))), 50, "get_multi of what is left")
    [(_, stats)] = client.get_stats()
    same("curr_items" in stats and "version" in stats, True, "get_stats")
    same(client.flush_all(), True, "flush_all")
    same(client.get_multi(list(many)), {}, "get_multi after flush_all")

    eager = pylibmc.Client([f"127.0.0.1:{port}"], behaviors={"no_block": True, "tcp_nodelay": True})
    same(eager.set_multi(many), [], "set_multi without blocking")
    same(eager.get_multi(list(many)), many, "get_multi without blocking")
    eager.disconnect_all()
    client.disconnect_all()


def with_python_memcached(port):
    client = memcache.Client([f"127.0.0.1:{port}"], debug=1, cache_cas=True)
    same(client.set("greeting", "hello"), True, "set")
    same(client.get("greeting"), "hello", "get")
    same(client.get("nothing"), None, "get of nothing")
    for value in ["text", b"bytes\r\nEND\r\n", 42, ["a", {"b": 1}]]:
        same(bool(client.set("typed", value)), True, f"set of {value!r}")
        same(client.get("typed"), value, f"get of {value!r}")

    many = {f"many:{i}": f"value {i}" for i in range(100)}
    same(client.set_multi(many), [], "set_multi")
    same(client.get_multi(list(many) + ["nothing"]), many, "get_multi")
    same(bool(client.add("greeting", "no")), False, "add of what is there")
    same(bool(client.replace("greeting", "hello again")), True, "replace")
    client.set("ends", "middle")
    same(bool(client.append("ends", ">")), True, "append")
    same(bool(client.prepend("ends", "<")), True, "prepend")
    same(client.get("ends"), "<middle>", "get after append and prepend")

    client.reset_cas()
    same(client.gets("greeting"), "hello again", "gets")
    other = memcache.Client([f"127.0.0.1:{port}"], cache_cas=True)
    same(bool(client.cas("greeting", "new")), True, "cas")
    same(other.gets("greeting"), "new", "gets by another")
    client.set("greeting", "meanwhile")
    same(bool(other.cas("greeting", "late")), False, "cas after a change")

    client.set("number", 10)
    same(client.incr("number", 5), 15, "incr")
    same(client.decr("number", 3), 12, "decr")
    same(client.incr("nothing"), None, "incr of nothing")
    same(bool(client.touch("number", 100)), True, "touch")

    big = "x" * 1_000_000
    same(bool(client.set("big", big)), True, "set of a big value")
    same(client.get("big"), big, "get of a big value")
    same(bool(client.delete("greeting")), True, "delete")
    same(client.get("greeting"), None, "get after delete")
    same(bool(client.delete_multi(list(many)[:50])), True, "delete_multi")
    same(len(client.get_multi(list(many))), 50, "get_multi of what is left")
    same(bool(client.set("silent", "1", noreply=True)), True, "set without a reply")
    same(client.get("silent"), "1", "get after a set without a reply")
    same(bool(client.delete("silent", noreply=True)), True, "delete without a reply")
    same(client.get("silent"), None, "get after a delete without a reply")

    [(_, stats)] = client.get_stats()
    same("curr_items" in stats, True, "get_stats")
    client.flush_all()
    same(client.get_multi(list(many)), {}, "get_multi after flush_all")
    client.disconnect_all()
    other.disconnect_all()


def main():
    library, port = sys.argv[1], int(sys.argv[2])
    if library == "pymemcache":
        with_pymemcache(Client(("127.0.0.1", port), timeout=5, connect_timeout=5))
    elif library == "pymemcache-pool":
        with_pymemcache(PooledClient(("127.0.0.1", port), timeout=5, connect_timeout=5, max_pool_size=4))
    elif library == "pylibmc":
        with_pylibmc(port)
    else:
        with_python_memcached(port)
    print(f"{checks} checks passed")


main()
