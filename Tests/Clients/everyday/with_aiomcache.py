"""aiomcache: an event loop, a pool of connections, and many requests under way at once."""

import asyncio

import aiomcache
from checks import HARD_VALUES, part, port, same, true


async def reads_and_writes(cache):
    same("set", await cache.set(b"greeting", b"hello"), True)
    same("get", await cache.get(b"greeting"), b"hello")
    same("get of nothing", await cache.get(b"nothing"), None)
    same("get with a default", await cache.get(b"nothing", b"d"), b"d")
    for name, value in HARD_VALUES.items():
        same(f"set of {name}", await cache.set(name.replace(" ", "-").encode(), value), True)
        same(f"get of {name}", await cache.get(name.replace(" ", "-").encode()), value)
    same("add of what is there", await cache.add(b"greeting", b"no"), False)
    same("replace", await cache.replace(b"greeting", b"middle"), True)
    same("append", await cache.append(b"greeting", b">"), True)
    same("prepend", await cache.prepend(b"greeting", b"<"), True)
    same("get of both ends", await cache.get(b"greeting"), b"<middle>")
    value, token = await cache.gets(b"greeting")
    same("gets", value, b"<middle>")
    same("cas", await cache.cas(b"greeting", b"new", token), True)
    same("cas with an old token", await cache.cas(b"greeting", b"newer", token), False)
    same("delete", await cache.delete(b"greeting"), True)
    same("delete of nothing", await cache.delete(b"greeting"), False)
    await cache.set(b"number", b"10")
    same("incr", await cache.incr(b"number", 5), 15)
    same("decr", await cache.decr(b"number", 3), 12)
    try:
        await cache.incr(b"nothing", 1)
    except aiomcache.ClientException as error:
        true("incr of nothing", "NOT_FOUND" in str(error))
    same("touch", await cache.touch(b"number", 100), True)
    same("touch of nothing", await cache.touch(b"nothing", 100), False)


async def many(cache):
    keys = [b"many:%d" % i for i in range(500)]
    await asyncio.gather(*[cache.set(key, key) for key in keys])
    same("multi_get", await cache.multi_get(*keys, b"nothing"), tuple(keys) + (None,))
    same("gets at once", await asyncio.gather(*[cache.get(key) for key in keys]), keys)


async def whole(cache):
    true("version", (await cache.version()).startswith(b"1."))
    true("stats", b"curr_items" in await cache.stats())
    true("stats settings", b"maxbytes" in await cache.stats(b"settings"))
    await cache.set(b"last", b"1")
    await cache.flush_all()
    same("get after flush_all", await cache.get(b"last"), None)
    await cache.close()


def run(action):
    async def body():
        cache = aiomcache.Client("127.0.0.1", port(), pool_size=8)
        await asyncio.wait_for(action(cache), 20)
        await cache.close()

    asyncio.run(body())


for action in [reads_and_writes, many, whole]:
    part(action.__name__, run, action)
