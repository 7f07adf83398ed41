"""Locks and counters with pymemcache."""

from python_clients import play

# <page>
import uuid

from pymemcache.client.base import PooledClient

cache = PooledClient(
    ("127.0.0.1", 11311), connect_timeout=1, timeout=2, no_delay=True, max_pool_size=16, default_noreply=False
)


def acquire(name, seconds):
    """A token if the lock was free, else None. Its work must end before `seconds` have passed."""
    token = uuid.uuid4().hex.encode()
    return token if cache.add(f"lock:{name}", token, expire=seconds) else None


def release(name, token):
    """Frees the lock, unless it has expired and another holds it."""
    value, cas = cache.gets(f"lock:{name}")
    if value == token and cache.cas(f"lock:{name}", b"", cas, expire=1):
        cache.delete(f"lock:{name}")


def count(name, seconds):
    """How often this was called in the last `seconds`; None when the counter's server does not answer."""
    number = cache.incr(f"count:{name}", 1)
    if number is None and cache.add(f"count:{name}", b"1", expire=seconds):
        return 1
    return number if number is not None else cache.incr(f"count:{name}", 1)
# </page>


class LocksAndCounters:
    """`add` and `delete` acquire and release a lock, `incr` counts."""

    def __init__(self):
        self.tokens = {}

    def add(self, key, value):
        name = key.partition(":")[2]
        token = acquire(name, 300)
        if token:
            self.tokens[name] = token
        return token is not None

    def delete(self, key):
        """Whether the lock was held by us."""
        name = key.partition(":")[2]
        token = self.tokens.pop(name, None)
        if token is None or cache.get(key) != token:
            return False
        release(name, token)
        return True

    def get(self, key):
        value = cache.get(key)
        return "held" if key.startswith("lock:") and value else value

    def incr(self, key, step):
        return count(key.partition(":")[2], 300)


play(LocksAndCounters())
