"""Python client libraries behind the line protocol of outages.py.

    python_clients.py LIBRARY PORT

Each library keeps its own defaults, but for timeouts of TIMEOUT seconds: longer than ringroad's request_timeout.
"""

import asyncio
import sys

TIMEOUT = 2
HOST = "127.0.0.1"


class Pymemcache:
    """pymemcache's own names; its other clients differ in how they are made."""

    def __init__(self, port):
        from pymemcache.client.base import Client

        self.cache = Client((HOST, port), **self.options())

    @staticmethod
    def options():
        return {"connect_timeout": TIMEOUT, "timeout": TIMEOUT, "default_noreply": False}

    def set(self, key, value):
        return self.cache.set(key, value)

    def get(self, key):
        return self.cache.get(key)

    def add(self, key, value):
        return self.cache.add(key, value)

    def delete(self, key):
        return self.cache.delete(key)

    def incr(self, key, step):
        return self.cache.incr(key, step)


class PymemcacheHash(Pymemcache):
    def __init__(self, port):
        from pymemcache.client.hash import HashClient

        self.cache = HashClient([(HOST, port)], **self.options())


class PymemcachePooled(Pymemcache):
    def __init__(self, port):
        from pymemcache.client.base import PooledClient

        self.cache = PooledClient((HOST, port), max_pool_size=4, **self.options())


class Pylibmc(Pymemcache):
    def __init__(self, port):
        import pylibmc

        self.absent = pylibmc.NotFound
        self.cache = pylibmc.Client([f"{HOST}:{port}"])

    def incr(self, key, step):
        try:
            return self.cache.incr(key, step)
        except self.absent:
            return None


class PythonMemcached(Pymemcache):
    """python-memcached keeps errors to itself: a failed request looks like a miss."""

    def __init__(self, port):
        import memcache

        self.cache = memcache.Client([f"{HOST}:{port}"], socket_timeout=TIMEOUT)


class Libmc(Pymemcache):
    def __init__(self, port):
        import libmc

        self.cache = libmc.Client([f"{HOST}:{port}"])
        self.cache.config(libmc.MC_POLL_TIMEOUT, TIMEOUT * 1000)
        self.cache.config(libmc.MC_CONNECT_TIMEOUT, TIMEOUT * 1000)

    def set(self, key, value):
        # It can count only in what was stored as a number.
        return self.cache.set(key, int(value) if value.isdigit() else value)


class MetaMemcache(Pymemcache):
    def __init__(self, port):
        from meta_memcache import CacheClient, ServerAddress, SetMode, connection_pool_factory_builder

        self.add_mode = SetMode.ADD
        self.cache = CacheClient.cache_client_from_servers(
            servers=[ServerAddress(HOST, port)],
            connection_pool_factory_fn=connection_pool_factory_builder(
                connection_timeout=TIMEOUT, recv_timeout=TIMEOUT
            ),
        )

    def set(self, key, value):
        return self.cache.set(key, value, ttl=0)

    def add(self, key, value):
        return self.cache.set(key, value, ttl=0, set_mode=self.add_mode)

    def incr(self, key, step):
        return self.cache.delta_and_get(key, step)


class Aiomcache:
    async def open(self, port):
        import aiomcache

        self.cache = aiomcache.Client(HOST, port)

    async def set(self, key, value):
        return await self.cache.set(key.encode(), value.encode())

    async def get(self, key):
        return await self.cache.get(key.encode())

    async def add(self, key, value):
        return await self.cache.add(key.encode(), value.encode())

    async def delete(self, key):
        return await self.cache.delete(key.encode())

    async def incr(self, key, step):
        # Told NOT_FOUND, by a memcached too, it raises an error and opens a new connection.
        if await self.get(key) is None:
            return None
        return await self.cache.incr(key.encode(), step)


class Emcache(Aiomcache):
    """It says by an exception that a key was not there, or was."""

    async def open(self, port):
        import emcache

        self.absent = emcache.NotFoundCommandError
        self.refused = emcache.NotStoredStorageCommandError
        self.cache = await emcache.create_client([emcache.MemcachedHostAddress(HOST, port)], timeout=TIMEOUT)

    async def done(self, request):
        try:
            await request
        except (self.absent, self.refused):
            return False
        return True

    async def set(self, key, value):
        return await self.done(self.cache.set(key.encode(), value.encode()))

    async def get(self, key):
        item = await self.cache.get(key.encode())
        return None if item is None else item.value

    async def add(self, key, value):
        return await self.done(self.cache.add(key.encode(), value.encode()))

    async def delete(self, key):
        return await self.done(self.cache.delete(key.encode()))

    async def incr(self, key, step):
        try:
            return await self.cache.increment(key.encode(), step)
        except self.absent:
            return None


class Memcachio(Aiomcache):
    async def open(self, port):
        import memcachio

        self.cache = memcachio.Client((HOST, port), connect_timeout=TIMEOUT, read_timeout=TIMEOUT)

    async def incr(self, key, step):
        return await self.cache.incr(key.encode(), step)

    async def get(self, key):
        item = (await self.cache.get(key.encode())).get(key.encode())
        return None if item is None else item.value


def parsed(line):
    """The method and its arguments."""
    word, key, *rest = line.split()
    if word == "incr":
        return word, [key, int(rest[0])]
    return word, [key, *rest]


def answer(word, result):
    if word in ("get", "incr"):
        if result is None:
            return "no"
        return f"value {result.decode() if isinstance(result, bytes) else result}"
    return "yes" if result else "no"


def failure(error):
    return " ".join(f"error {type(error).__name__}: {error}".split())


def say(line):
    print(line, flush=True)


def play(client):
    say("ready")
    for line in sys.stdin:
        word, arguments = parsed(line)
        try:
            say(answer(word, getattr(client, word)(*arguments)))
        except Exception as error:
            say(failure(error))


async def play_async(client, port):
    await client.open(port)
    say("ready")
    loop = asyncio.get_running_loop()
    # Off the loop, so that the library's own tasks run meanwhile.
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        word, arguments = parsed(line)
        try:
            say(answer(word, await getattr(client, word)(*arguments)))
        except Exception as error:
            say(failure(error))


LIBRARIES = {
    "pymemcache": Pymemcache,
    "pymemcache-hash": PymemcacheHash,
    "pymemcache-pooled": PymemcachePooled,
    "pylibmc": Pylibmc,
    "python-memcached": PythonMemcached,
    "libmc": Libmc,
    "meta-memcache": MetaMemcache,
    "aiomcache": Aiomcache,
    "emcache": Emcache,
    "memcachio": Memcachio,
}


def main():
    kind, port = LIBRARIES[sys.argv[1]], int(sys.argv[2])
    if issubclass(kind, Aiomcache):
        asyncio.run(play_async(kind(), port))
    else:
        play(kind(port))


if __name__ == "__main__":
    main()
