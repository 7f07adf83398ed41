"""python-memcached."""

import memcache
from checks import HARD_VALUES, address, part, raises, same, soon, true


def client(**options):
    return memcache.Client([address()], socket_timeout=5, **options)


def reads_and_writes(cache):
    true("set", cache.set("greeting", "hello"))
    same("get", cache.get("greeting"), "hello")
    same("get of nothing", cache.get("nothing"), None)
    for value in ["text", b"bytes\r\nEND\r\n", 42, True, ["a", {"b": 1}], None]:
        cache.set("typed", value)
        same("get of a type", cache.get("typed"), value)
    for name, value in HARD_VALUES.items():
        true(f"set of {name}", cache.set(f"hard:{name}".replace(" ", "-"), value))
        same(f"get of {name}", cache.get(f"hard:{name}".replace(" ", "-")), value)
    same("add of what is there", bool(cache.add("greeting", "no")), False)
    true("replace", cache.replace("greeting", "middle"))
    true("append", cache.append("greeting", ">"))
    true("prepend", cache.prepend("greeting", "<"))
    same("get of both ends", cache.get("greeting"), "<middle>")
    true("delete", cache.delete("greeting"))
    same("get after delete", cache.get("greeting"), None)
    true("set, quietly", cache.set("silent", "1", noreply=True))
    same("get after a quiet set", cache.get("silent"), "1")
    true("delete, quietly", cache.delete("silent", noreply=True))
    same("get after a quiet delete", cache.get("silent"), None)
    true("set, compressed", cache.set("packed", "x" * 100_000, min_compress_len=1000))
    same("get, compressed", cache.get("packed"), "x" * 100_000)
    same("set of what is too large", cache.set("large", "x" * 2_000_000), 0)
    raises("too long a key", cache.MemcachedKeyLengthError, lambda: cache.set("k" * 251, "x"))


def many(cache):
    values = {f"many:{i}": f"value {i}" for i in range(1000)}
    same("set_multi", cache.set_multi(values), [])
    same("get_multi", cache.get_multi(list(values) + ["nothing"]), values)
    cache.set_multi({"a": 1, "b": 2}, key_prefix="p:")
    same("get_multi with a prefix", cache.get_multi(["a", "b"], key_prefix="p:"), {"a": 1, "b": 2})
    true("delete_multi", cache.delete_multi(list(values)[:500]))
    same("get_multi of what is left", len(cache.get_multi(list(values))), 500)
    cache.set_multi(values, noreply=True)
    same("get_multi after a quiet set_multi", cache.get_multi(list(values)), values)


def tokens():
    one, other = client(cache_cas=True), client(cache_cas=True)
    one.set("token", "1")
    same("gets", one.gets("token"), "1")
    same("gets by another", other.gets("token"), "1")
    true("cas", one.cas("token", "2"))
    same("cas after a change", bool(other.cas("token", "3")), False)
    same("get after cas", one.get("token"), "2")


def numbers(cache):
    cache.set("number", 10)
    same("incr", cache.incr("number", 5), 15)
    same("decr", cache.decr("number", 30), 0)
    same("incr of nothing", cache.incr("nothing"), None)
    true("touch", cache.touch("number", 100))
    cache.set("short", "x", time=1)
    soon("what is short ends", lambda: cache.get("short") is None)


def whole(cache):
    cache.set("last", "1")
    [(_, stats)] = cache.get_stats()
    true("get_stats", "curr_items" in stats and "version" in stats)
    [(_, slabs)] = cache.get_slab_stats()
    true("get_slab_stats", "active_slabs" in slabs)
    [(_, settings)] = cache.get_stats("settings")
    true("get_stats of settings", "maxbytes" in settings)
    [(_, items)] = cache.get_stats("items")
    true("get_stats of items", items and all(name.startswith("items:") for name in items))
    cache.flush_all()
    same("get after flush_all", cache.get("last"), None)
    cache.disconnect_all()
    true("set after disconnect_all", cache.set("again", "1"))


for action in [reads_and_writes, many, numbers, whole]:
    part(action.__name__, action, client())
part("tokens", tokens)
