"""pymemcache, by each of its four clients: one connection, a pool, a hash ring of one, one that retries."""

import threading

from checks import HARD_VALUES, address, part, port, raises, same, soon, true
from pymemcache import serde
from pymemcache.client.base import Client, PooledClient
from pymemcache.client.hash import HashClient
from pymemcache.client.retrying import RetryingClient
from pymemcache.exceptions import MemcacheClientError, MemcacheServerError

HERE = ("127.0.0.1", port())
WAIT = {"timeout": 5, "connect_timeout": 5}


def reads_and_writes(kind, client):
    same(f"{kind}: set", client.set("greeting", b"hello", noreply=False), True)
    same(f"{kind}: get", client.get("greeting"), b"hello")
    client.set("quiet", b"1", noreply=True)
    same(f"{kind}: get after a quiet set", client.get("quiet"), b"1")
    same(f"{kind}: get of nothing", client.get("nothing"), None)
    same(f"{kind}: get with a default", client.get("nothing", default=b"d"), b"d")
    for name, value in HARD_VALUES.items():
        same(f"{kind}: set of {name}", client.set(f"hard:{name}".replace(" ", "-"), value, noreply=False), True)
        same(f"{kind}: get of {name}", client.get(f"hard:{name}".replace(" ", "-")), value)
    same(f"{kind}: add of what is there", client.add("greeting", b"no", noreply=False), False)
    same(f"{kind}: add", client.add("fresh", b"yes", noreply=False), True)
    same(f"{kind}: replace", client.replace("fresh", b"other", noreply=False), True)
    same(f"{kind}: replace of nothing", client.replace("nothing", b"x", noreply=False), False)
    same(f"{kind}: append", client.append("fresh", b">", noreply=False), True)
    same(f"{kind}: prepend", client.prepend("fresh", b"<", noreply=False), True)
    same(f"{kind}: append to nothing", client.append("nothing", b">", noreply=False), False)
    same(f"{kind}: get of both ends", client.get("fresh"), b"<other>")
    same(f"{kind}: delete", client.delete("greeting", noreply=False), True)
    same(f"{kind}: delete of nothing", client.delete("greeting", noreply=False), False)
    client.delete("fresh", noreply=True)
    same(f"{kind}: get after a quiet delete", client.get("fresh"), None)


def many(kind, client):
    values = {f"many:{i}": b"value %d \r\nEND\r\n" % i for i in range(1000)}
    same(f"{kind}: set_many", client.set_many(values, noreply=False), [])
    same(f"{kind}: get_many", client.get_many(list(values) + ["nothing"]), values)
    got = client.gets_many(list(values))
    same(f"{kind}: gets_many", {key: value for key, (value, _) in got.items()}, values)
    true(f"{kind}: gets_many has tokens", all(token.isdigit() for _, token in got.values()))
    same(f"{kind}: get_many of nothing", client.get_many(["no:1", "no:2"]), {})
    same(f"{kind}: get_many of no keys", client.get_many([]), {})
    same(f"{kind}: delete_many", client.delete_many(list(values)[:500], noreply=False), True)
    same(f"{kind}: get_many of what is left", len(client.get_many(list(values))), 500)
    client.set_many(values, noreply=True)
    same(f"{kind}: get_many after a quiet set_many", client.get_many(list(values)), values)


def tokens(kind, client):
    client.set("token", b"1", noreply=False)
    value, token = client.gets("token")
    same(f"{kind}: gets", value, b"1")
    same(f"{kind}: gets of nothing", client.gets("nothing"), (None, None))
    same(f"{kind}: cas", client.cas("token", b"2", token, noreply=False), True)
    same(f"{kind}: cas with an old token", client.cas("token", b"3", token, noreply=False), False)
    same(f"{kind}: cas of nothing", client.cas("nothing", b"x", token, noreply=False), None)
    same(f"{kind}: get after cas", client.get("token"), b"2")


def numbers(kind, client):
    client.set("number", b"10", noreply=False)
    same(f"{kind}: incr", client.incr("number", 5), 15)
    same(f"{kind}: decr below nothing", client.decr("number", 20), 0)
    same(f"{kind}: incr of nothing", client.incr("nothing", 1), None)
    client.incr("number", 7, noreply=True)
    same(f"{kind}: get after a quiet incr", client.get("number").strip(), b"7")
    client.set("number", b"18446744073709551615", noreply=False)
    same(f"{kind}: incr past the end", client.incr("number", 1), 0)
    client.set("word", b"abc", noreply=False)
    raises(f"{kind}: incr of a word", MemcacheClientError, lambda: client.incr("word", 1))


def lifetimes(kind, client):
    same(f"{kind}: touch", client.touch("number", 100, noreply=False), True)
    same(f"{kind}: touch of nothing", client.touch("nothing", 100, noreply=False), False)
    client.set("past", b"x", expire=-1, noreply=False)
    same(f"{kind}: get of what was set in the past", client.get("past"), None)
    if kind != "client":
        return
    client.set("short", b"x", expire=1, noreply=False)
    soon(f"{kind}: what is short ends", lambda: client.get("short") is None)


def refusals(kind, client):
    client.set("k" * 250, b"long", noreply=False)
    same(f"{kind}: longest key", client.get("k" * 250), b"long")
    raises(f"{kind}: set of what is too large", MemcacheServerError,
           lambda: client.set("large", b"x" * 2_000_000, noreply=False))
    same(f"{kind}: get after a refusal", client.get("k" * 250), b"long")


def whole(kind, client):
    true(f"{kind}: version", client.version().startswith(b"1."))
    stats = client.stats()
    true(f"{kind}: stats", b"curr_items" in stats and b"version" in stats)
    true(f"{kind}: stats settings", b"maxbytes" in client.stats("settings"))
    true(f"{kind}: stats items", len(client.stats("items")) > 0)
    client.set("here", b"1", noreply=False)
    same(f"{kind}: verbosity by hand", client.raw_command(b"verbosity 0"), b"OK")
    same(f"{kind}: mn by hand", client.raw_command(b"mn"), b"MN")
    same(f"{kind}: gat by hand", client.raw_command(b"gat 100 here", b"END\r\n"), b"VALUE here 0 1\r\n1\r\n")
    same(f"{kind}: mg by hand", client.raw_command(b"mg here s v", b"\r\n1\r\n"), b"VA 1 s1")
    client.set("last", b"1", noreply=False)
    same(f"{kind}: flush_all", client.flush_all(noreply=False), True)
    same(f"{kind}: get after flush_all", client.get("last"), None)
    client.quit()
    client.set("again", b"1", noreply=False)
    same(f"{kind}: get after quit", client.get("again"), b"1")
    client.close()


def typed_values():
    client = Client(HERE, serde=serde.PickleSerde(), key_prefix=b"app:", allow_unicode_keys=True, **WAIT)
    for value in ["text", b"bytes", 42, 4.5, ["a", {"b": 1}], None]:
        client.set("typed", value, noreply=False)
        same("serde: get", client.get("typed"), value)
    client.set("schlüssel-☃", "ja", noreply=False)
    same("serde: key beyond ASCII", client.get("schlüssel-☃"), "ja")
    same("serde: get_many with a prefix", client.get_many(["typed", "schlüssel-☃"])["schlüssel-☃"], "ja")
    compressed = Client(HERE, serde=serde.CompressedSerde(min_compress_len=100), **WAIT)
    compressed.set("packed", "x" * 100_000, noreply=False)
    same("serde: compressed", compressed.get("packed"), "x" * 100_000)


def threads():
    client = PooledClient(HERE, max_pool_size=8, **WAIT)
    wrong = []

    def work(me):
        for i in range(100):
            key = f"thread:{me}:{i}"
            client.set(key, key.encode(), noreply=i % 2 == 0)
            got = client.get_many([key, f"thread:{me}:{i - 1}", "nothing"])
            if any(value != name.encode() for name, value in got.items()):
                wrong.append(got)
            # A quiet write may still be under way on another connection of the pool.
            if i % 2 and got.get(key) is None:
                wrong.append(key)

    workers = [threading.Thread(target=work, args=(me,)) for me in range(8)]
    for one in workers:
        one.start()
    for one in workers:
        one.join()
    same("threads: all values their own", wrong, [])


clients = {
    "client": lambda: Client(HERE, **WAIT),
    "pool": lambda: PooledClient(HERE, max_pool_size=4, **WAIT),
    "ring": lambda: HashClient([address()], **WAIT),
    "retrying": lambda: RetryingClient(Client(HERE, **WAIT), attempts=2, retry_for=[OSError]),
}
for kind, build in clients.items():
    for action in [reads_and_writes, many, tokens, numbers, lifetimes, refusals, whole]:
        if kind == "ring" and action is whole:
            continue  # it has no such methods
        part(f"{kind} {action.__name__}", action, kind, build())
part("typed values", typed_values)
part("threads", threads)
