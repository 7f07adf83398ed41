"""Django's two memcached backends: the cache's interface, its asynchronous half, and sessions kept in it."""

import asyncio

import django
from checks import HARD_VALUES, address, part, raises, same, soon, true
from django.conf import settings

BACKENDS = {
    "pymemcache": {"BACKEND": "django.core.cache.backends.memcached.PyMemcacheCache"},
    "pylibmc": {"BACKEND": "django.core.cache.backends.memcached.PyLibMCCache"},
    "pylibmc, unblocked": {
        "BACKEND": "django.core.cache.backends.memcached.PyLibMCCache",
        "OPTIONS": {"behaviors": {"no_block": True, "tcp_nodelay": True, "ketama": True}},
    },
}
for one in BACKENDS.values():
    one.update(LOCATION=address(), KEY_PREFIX="site", TIMEOUT=100)
settings.configure(CACHES={"default": BACKENDS["pymemcache"], **BACKENDS}, SESSION_ENGINE="django.contrib.sessions.backends.cache")
django.setup()

from django.core.cache import InvalidCacheKey, caches  # noqa: E402


def reads_and_writes(kind, cache):
    cache.set("greeting", "hello")
    same(f"{kind}: get", cache.get("greeting"), "hello")
    same(f"{kind}: get of nothing", cache.get("nothing"), None)
    same(f"{kind}: get with a default", cache.get("nothing", "d"), "d")
    for value in ["text", b"bytes", 42, 4.5, ["a", {"b": (1, 2)}], None]:
        cache.set("typed", value)
        same(f"{kind}: get of a type", cache.get("typed", "missing"), value)
    for name, value in HARD_VALUES.items():
        cache.set(f"hard-{name}".replace(" ", "-"), value)
        same(f"{kind}: get of {name}", cache.get(f"hard-{name}".replace(" ", "-")), value)
    same(f"{kind}: add of what is there", cache.add("greeting", "no"), False)
    same(f"{kind}: add", cache.add("fresh", "yes"), True)
    same(f"{kind}: get_or_set", cache.get_or_set("made", lambda: 7), 7)
    same(f"{kind}: get_or_set of what is there", cache.get_or_set("made", 8), 7)
    same(f"{kind}: contains", "fresh" in cache, True)
    same(f"{kind}: has_key of nothing", cache.has_key("nothing"), False)
    same(f"{kind}: delete", cache.delete("fresh"), True)
    same(f"{kind}: delete of nothing", cache.delete("fresh"), False)
    raises(f"{kind}: key with a blank", InvalidCacheKey, lambda: cache.set("a key", 1))


def many(kind, cache):
    values = {f"many:{i}": {"i": i} for i in range(1000)}
    same(f"{kind}: set_many", cache.set_many(values), [])
    same(f"{kind}: get_many", cache.get_many(list(values) + ["nothing"]), values)
    cache.delete_many(list(values)[:500])
    same(f"{kind}: get_many of what is left", len(cache.get_many(values)), 500)
    large = {"large": b"x" * 2_000_000, "small": 1}
    raises(f"{kind}: set_many of what is too large", Exception, lambda: cache.set_many(large))
    same(f"{kind}: get_many after a refusal", len(cache.get_many(values)), 500)


def numbers(kind, cache):
    cache.set("number", 10)
    same(f"{kind}: incr", cache.incr("number", 5), 15)
    same(f"{kind}: decr", cache.decr("number", 3), 12)
    same(f"{kind}: get of a number", cache.get("number"), 12)
    raises(f"{kind}: incr of nothing", ValueError, lambda: cache.incr("nothing"))


def lifetimes(kind, cache):
    cache.set("forever", 1, timeout=None)
    same(f"{kind}: get of what has no end", cache.get("forever"), 1)
    cache.set("past", 1, timeout=0)
    same(f"{kind}: get of what was set in the past", cache.get("past"), None)
    cache.set("month", 1, timeout=60 * 60 * 24 * 40)
    same(f"{kind}: get of what lasts more than 30 days", cache.get("month"), 1)
    same(f"{kind}: touch", cache.touch("forever", 1), True)
    same(f"{kind}: touch of nothing", cache.touch("nothing", 1), False)
    if kind == "pylibmc, unblocked":
        return
    cache.set("short", 1, timeout=1)
    soon(f"{kind}: what is short ends", lambda: cache.get_many(["short", "forever"]) == {})


def versions(kind, cache):
    cache.set("versioned", "one")
    cache.set("versioned", "two", version=2)
    same(f"{kind}: first version", cache.get("versioned"), "one")
    same(f"{kind}: second version", cache.get("versioned", version=2), "two")
    same(f"{kind}: incr_version", cache.incr_version("versioned", version=2), 3)
    same(f"{kind}: third version", cache.get("versioned", version=3), "two")
    same(f"{kind}: second version is gone", cache.get("versioned", version=2), None)
    same(f"{kind}: decr_version", cache.decr_version("versioned", version=3), 2)


def asynchronous(kind, cache):
    async def body():
        await cache.aset("later", 1)
        same(f"{kind}: aget", await cache.aget("later"), 1)
        await cache.aset_many({"later:1": 1, "later:2": 2})
        same(f"{kind}: aget_many", await cache.aget_many(["later:1", "later:2"]), {"later:1": 1, "later:2": 2})
        same(f"{kind}: aincr", await cache.aincr("later"), 2)
        same(f"{kind}: adelete", await cache.adelete("later"), True)

    asyncio.run(body())


def sessions(kind, cache):
    from django.contrib.sessions.backends.cache import SessionStore

    session = SessionStore()
    session._cache = cache
    session["user"] = "ann"
    session.save()
    again = SessionStore(session.session_key)
    again._cache = cache
    same(f"{kind}: session", again["user"], "ann")
    again.flush()
    same(f"{kind}: session flushed", cache.get(again.cache_key_prefix + session.session_key), None)
    true(f"{kind}: session has a key", session.session_key)


def whole(kind, cache):
    cache.set("last", 1)
    cache.clear()
    same(f"{kind}: get after clear", cache.get("last"), None)
    cache.close()
    cache.set("again", 1)
    same(f"{kind}: get after close", cache.get("again"), 1)
    cache.clear()


for kind in BACKENDS:
    for action in [reads_and_writes, many, numbers, lifetimes, versions, asynchronous, sessions, whole]:
        part(f"{kind} {action.__name__}", action, kind, caches[kind])
