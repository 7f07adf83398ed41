"""pylibmc, and with it libmemcached, in its several ways of sending: plain, unblocked, without replies, pooled."""

import threading

import pylibmc
from checks import HARD_VALUES, address, part, raises, same, soon, true

WAIT = {"tcp_nodelay": True, "receive_timeout": 5_000_000, "send_timeout": 5_000_000, "connect_timeout": 5000}


def client(**behaviors):
    return pylibmc.Client([address()], binary=False, behaviors={**WAIT, **behaviors})


def reads_and_writes(kind, cache):
    same(f"{kind}: set", cache.set("greeting", "hello"), True)
    same(f"{kind}: get", cache.get("greeting"), "hello")
    same(f"{kind}: get of nothing", cache.get("nothing"), None)
    for value in ["text", b"bytes\r\nEND\r\n", 42, 4.5, ["a", {"b": 1}], None]:
        cache.set("typed", value)
        same(f"{kind}: get of a type", cache.get("typed"), value)
    for name, value in HARD_VALUES.items():
        key = f"hard:{name}".replace(" ", "-")
        same(f"{kind}: set of {name}", cache.set(key, value), True)
        same(f"{kind}: get of {name}", cache.get(key), value)
    same(f"{kind}: add of what is there", cache.add("greeting", "no"), False)
    same(f"{kind}: add", cache.add("fresh", "yes"), True)
    same(f"{kind}: replace", cache.replace("fresh", "middle"), True)
    same(f"{kind}: replace of nothing", cache.replace("nothing", "x"), False)
    same(f"{kind}: append", cache.append("fresh", ">"), True)
    same(f"{kind}: prepend", cache.prepend("fresh", "<"), True)
    same(f"{kind}: get of both ends", cache.get("fresh"), "<middle>")
    same(f"{kind}: contains", "fresh" in cache, True)
    cache["item"] = "1"
    same(f"{kind}: item", cache["item"], "1")
    del cache["item"]
    same(f"{kind}: item deleted", "item" in cache, False)
    same(f"{kind}: delete", cache.delete("greeting"), True)
    same(f"{kind}: delete of nothing", cache.delete("greeting"), False)


def many(kind, cache):
    values = {f"many:{i}": f"value {i}" for i in range(1000)}
    same(f"{kind}: set_multi", cache.set_multi(values), [])
    same(f"{kind}: get_multi", cache.get_multi(list(values) + ["nothing"]), values)
    same(f"{kind}: set_multi with a prefix", cache.set_multi({"a": "1", "b": "2"}, key_prefix="p:"), [])
    same(f"{kind}: get_multi with a prefix", cache.get_multi(["a", "b"], key_prefix="p:"), {"a": "1", "b": "2"})
    same(f"{kind}: add_multi", sorted(cache.add_multi({"many:1": "x", "many:new": "y"})), ["many:1"])
    same(f"{kind}: delete_multi", cache.delete_multi(list(values)[:500]), True)
    same(f"{kind}: get_multi of what is left", len(cache.get_multi(list(values))), 500)
    same(f"{kind}: set_multi, packed", cache.set_multi({"packed": "x" * 100_000}, min_compress_len=1000), [])
    same(f"{kind}: get, packed", cache.get("packed"), "x" * 100_000)


def numbers(kind, cache):
    cache.set_multi({"n:1": 10, "n:2": 20})
    same(f"{kind}: incr", cache.incr("n:1", 5), 15)
    same(f"{kind}: decr", cache.decr("n:1", 3), 12)
    raises(f"{kind}: incr of nothing", pylibmc.NotFound, lambda: cache.incr("nothing"))
    cache.incr_multi(["n:1", "n:2"], delta=2)
    same(f"{kind}: incr_multi", cache.get_multi(["n:1", "n:2"]), {"n:1": 14, "n:2": 22})
    same(f"{kind}: touch", cache.touch("n:1", 100), True)
    same(f"{kind}: touch of nothing", cache.touch("nothing", 100), False)
    if kind != "plain":
        return
    cache.set("short", "x", time=1)
    soon(f"{kind}: what is short ends", lambda: cache.get("short") is None)


def tokens():
    cache = client(cas=True)
    cache.set("token", "1")
    value, token = cache.gets("token")
    same("tokens: gets", value, "1")
    same("tokens: cas", cache.cas("token", "2", token), True)
    same("tokens: cas with an old token", cache.cas("token", "3", token), False)
    same("tokens: get after cas", cache.get("token"), "2")
    same("tokens: gets of nothing", cache.gets("nothing"), (None, None))


def without_replies():
    cache = client(_noreply=True)
    for i in range(500):
        cache.set(f"quiet:{i}", f"{i}")
    # What sends and what reads is one connection: its order holds.
    same("quiet: all there", cache.get_multi([f"quiet:{i}" for i in range(500)]), {f"quiet:{i}": f"{i}" for i in range(500)})
    cache.delete("quiet:1")
    same("quiet: deleted", cache.get("quiet:1"), None)


def pools():
    pool = pylibmc.ClientPool(client(), 4)
    wrong = []

    def work(me):
        for i in range(100):
            with pool.reserve(block=True) as cache:
                cache.set(f"pool:{me}", i)
                if cache.get(f"pool:{me}") != i:
                    wrong.append((me, i))

    workers = [threading.Thread(target=work, args=(me,)) for me in range(8)]
    for one in workers:
        one.start()
    for one in workers:
        one.join()
    same("pools: all values their own", wrong, [])


def whole():
    cache = client()
    cache.set("last", "1")
    [(_, stats)] = cache.get_stats()
    true("whole: get_stats", "curr_items" in stats and "version" in stats)
    raises("whole: set of what is too large", pylibmc.Error, lambda: cache.set("large", b"x" * 2_000_000))
    same("whole: get after a refusal", cache.get("last"), "1")
    same("whole: flush_all", cache.flush_all(), True)
    same("whole: get after flush_all", cache.get("last"), None)
    cache.disconnect_all()
    same("whole: set after disconnect_all", cache.set("again", "1"), True)


ways = {"plain": {}, "unblocked": {"no_block": True}, "ketama": {"ketama": True}, "cas": {"cas": True}}
for kind, behaviors in ways.items():
    for action in [reads_and_writes, many, numbers]:
        part(f"{kind} {action.__name__}", action, kind, client(**behaviors))
    client().flush_all()
for action in [tokens, without_replies, pools, whole]:
    part(action.__name__, action)
