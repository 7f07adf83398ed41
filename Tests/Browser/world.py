"""A made-up proxy: servers, pools and load that move from second to second, and agree with each other.

Everything follows from the number of the second (a step), so that counters, history and latencies tell the same story.
"""
import bisect
import hashlib
import math
import time
import zlib

STEPS = 600
SLICES = 720
# Half a gibibyte is the most that buffers may take.
MEMORY_LIMIT = 512 << 20


def noise(*parts):
    """A number from 0 to 1 that is always the same for the same parts."""
    mixed = zlib.crc32(repr(parts).encode()) * 0x9E3779B97F4A7C15 & 2**64 - 1
    return (mixed ^ mixed >> 31) % 2**32 / 2**32



class Server:
    def __init__(self, name, pool, weight):
        self.name = name
        self.pool = pool
        self.weight = weight
        self.outages = []  # (from step, to step or None, state, cause)
        self.counters = {"requests": 0, "hits": 0, "misses": 0, "errors": 0}
        self.popularity = 0.86 + 0.28 * noise("popularity", name)

    def outage(self, step):
        for first, last, state, cause in self.outages:
            if first <= step and (last is None or step < last):
                return first, state, cause
        return None

    def is_in_ring(self, step):
        return self.outage(step) is None


class Pool:
    def __init__(self, name, prefix, servers, requests_per_second, placement):
        self.name = name
        self.prefix = prefix
        self.servers = servers
        self.requests_per_second = requests_per_second
        self.placement = placement
        self.counters = {"requests": 0, "hits": 0, "misses": 0, "errors": 0}


class World:
    def __init__(self, servers=6, pools=1, incident=True, hostile=False):
        self.begun = time.time()
        self.started = self.begun - 3 * 86400 - 4 * 3600
        self.base = int(self.begun) - STEPS  # the step that history begins with
        self.stopped = None  # the step from which there is no load
        self.events = []
        self.sequence = 0
        self.rings = {}
        self.counted = None
        self.pools = self.make_pools(servers, pools, hostile)
        self.servers = [server for pool in self.pools for server in pool.servers]
        self.by_name = {server.name: server for server in self.servers}
        self.hostile = hostile
        if incident:
            self.make_incident()
        self.event("info", "listening", {"listener": "127.0.0.1:11311"}, self.started)
        self.make_past_events()
        # Counters of the days before.
        for pool in self.pools:
            for server in pool.servers:
                share = server.weight / sum(one.weight for one in pool.servers)
                requests = int(pool.requests_per_second * share * 3600 * 76)
                hits = int(requests * 0.71)
                misses = int(requests * 0.031)
                for counters in (server.counters, pool.counters):
                    counters["requests"] += requests
                    counters["hits"] += hits
                    counters["misses"] += misses
                    counters["errors"] += 12
        self.count_to(self.base + STEPS)

    # What there is

    def make_pools(self, count, pools, hostile):
        names = [f"10.0.{1 + i // 250}.{1 + i % 250}:11211" for i in range(count)]
        if hostile:
            strange = [
                "<img src=x onerror=alert(1)>", "\"><script>document.title='owned'</script>", "__proto__",
                "javascript:alert(1)", "\u202egnirts\u202c:11211", "長い名前" * 40 + ":11211", "a" * 255,
                "{{constructor}}", "&lt;b&gt;&amp;", "tab\tand\nline",
            ]
            names[:len(strange)] = strange[:count]
        titles = ["main", "sessions", "fragments", "counters"][:pools]
        if hostile:
            titles[0] = "<svg/onload=alert(2)>"
        shares = [0.62, 0.22, 0.11, 0.05]
        made = []
        at = 0
        for i, title in enumerate(titles):
            size = count - at if i == pools - 1 else max(1, round(count * [0.6, 0.2, 0.15, 0.05][i]))
            members = [
                Server(name, title, 2 if count > 20 and j % 9 == 4 else 1)
                for j, name in enumerate(names[at:at + size])
            ]
            at += size
            total = shares[i] / sum(shares[:pools])
            load = 42000 * total * max(0.4, math.sqrt(count / 6))
            made.append(Pool(title, "" if i == 0 else title.rstrip("s") + ":", members, load, "ketama"))
        return made

    def make_incident(self):
        """One outage that is over, and with more servers some that are not."""
        main = self.pools[0].servers
        now = self.base + STEPS
        if len(main) > 1:
            main[1].outages.append((now - 420, now - 330, "ejected", "timed out"))
        if len(main) > 3:
            main[2].outages.append((now - 48, None, "ejected", "timed out"))
        if len(main) > 30:
            main[17].outages.append((now - 5200, None, "marked down", None))
            main[26].outages.append((now - 9, None, "joining", None))

    def make_past_events(self):
        end = self.base + STEPS
        if not self.hostile:
            self.event("info", "reload", {"change": 'pool "main": request_timeout changed from 500ms to 300ms', "why": "the file has changed"}, end - 5400)
        found = []
        for server in self.servers:
            for first, last, state, cause in server.outages:
                if state == "ejected":
                    found.append((first, "warning", "server down", {"server": server.name, "cause": cause, "keys": "move to the others"}))
                elif state == "marked down":
                    found.append((first, "info", "server marked down", {"server": server.name, "keys": "move to the others"}))
                else:
                    found.append((first, "info", "server added", {"server": server.name}))
                if last is not None:
                    found.append((last, "info", "server up", {"server": server.name, "deleted": "412 keys"}))
        if self.hostile:
            found.append((end - 30, "error", "<img src=x onerror=alert(3)>", {"<b>server</b>": "</script><script>alert(4)</script>", "reason": "\u202eevil"}))
        for when, *rest in sorted(found, key=lambda one: one[0]):
            self.event(*rest, when)

    def event(self, level, text, fields, when=None):
        self.sequence += 1
        self.events.append({"seq": self.sequence, "time": when or time.time(), "level": level, "text": text, "fields": fields})
        del self.events[:-1000]

    def eject(self, name, cause):
        server = self.by_name[name]
        server.outages.append((int(time.time()), None, "ejected", cause))
        self.event("warning", "server down", {"server": name, "cause": cause, "keys": "move to the others"})

    def remove(self, name):
        server = self.by_name.pop(name)
        self.servers.remove(server)
        for pool in self.pools:
            pool.servers = [one for one in pool.servers if one is not server]
        self.rings.clear()

    def stop_load(self):
        self.stopped = int(time.time()) + 1

    # What happens in a step

    def load(self, pool, step):
        if self.stopped is not None and step >= self.stopped:
            return 0
        wave = 1 + 0.09 * math.sin(step / 97 + len(pool.name)) + 0.04 * math.sin(step / 23) + 0.02 * math.sin(step / 7)
        return pool.requests_per_second * wave * (0.97 + 0.06 * noise("load", pool.name, step))

    def shares(self, pool, step):
        """Each server's share of the pool's requests in a step; the keys of those that are out go to the others."""
        live = [server for server in pool.servers if server.is_in_ring(step)]
        total = sum(server.weight * server.popularity for server in live) or 1
        return {server.name: server.weight * server.popularity / total for server in live}

    def trouble(self, pool, step):
        """How much of a pool is in trouble in a step: (share that fails, share that is cold)."""
        failing = cold = 0.0
        size = len(pool.servers)
        for server in pool.servers:
            for first, last, state, _ in server.outages:
                if state != "ejected":
                    continue
                if first - 2 <= step < first:
                    failing += 1 / size
                if step >= first:
                    cold += math.exp(-(step - first) / 40) / size
                if last is not None and step >= last:
                    cold += 0.3 * math.exp(-(step - last) / 25) / size
        return failing, cold

    def pool_step(self, pool, step):
        requests = int(self.load(pool, step))
        failing, cold = self.trouble(pool, step)
        errors = int(requests * failing * 0.04)
        gets = int(requests * 0.74)
        ratio = (0.962 + 0.012 * math.sin(step / 61 + len(pool.name)) + 0.004 * noise("ratio", pool.name, step)) * (1 - 0.8 * cold)
        hits = int(gets * ratio)
        answer = {"requests": requests, "hits": hits, "misses": gets - hits, "errors": errors}
        answer.update(self.latencies(pool.name, step, failing, requests))
        return answer

    def latencies(self, name, step, failing, requests):
        if requests == 0:
            return {"p50": None, "p99": None, "p999": None}
        wobble = noise("latency", name, step)
        p50 = 0.00017 * (1 + 0.12 * math.sin(step / 83)) * (0.94 + 0.12 * wobble)
        p99 = p50 * (4.6 + 1.5 * noise("p99", name, step))
        p999 = p99 * (3 + 2.6 * noise("p999", name, step) ** 3)
        if failing > 0:
            p99, p999 = 0.212 + 0.05 * wobble, 0.498
        return {"p50": p50, "p99": p99, "p999": p999}

    def server_step(self, server, step, pool_values=None, shares=None):
        pool = next(one for one in self.pools if one.name == server.pool)
        values = pool_values or self.pool_step(pool, step)
        share = (shares or self.shares(pool, step)).get(server.name, 0)
        requests = int(values["requests"] * share)
        gets = int((values["hits"] + values["misses"]) * share)
        hits = min(gets, int(values["hits"] * share * (0.992 + 0.016 * noise("hits", server.name, step))))
        size = len(pool.servers)
        errors = 0
        for first, _, state, _ in server.outages:
            if state == "ejected" and first - 2 <= step < first:
                errors = values["errors"] * 1 if size else 0
        answer = {"requests": requests, "hits": hits, "misses": gets - hits, "errors": errors}
        answer.update(self.latencies(server.name, step, 1 if errors else 0, requests))
        return answer

    def count_to(self, step):
        """Adds all finished steps to the counters."""
        if self.counted is None:
            self.counted = step
        while self.counted < step:
            for pool in self.pools:
                values = self.pool_step(pool, self.counted)
                shares = self.shares(pool, self.counted)
                for name in pool.counters:
                    pool.counters[name] += values[name]
                for server in pool.servers:
                    own = self.server_step(server, self.counted, values, shares)
                    for name in server.counters:
                        server.counters[name] += own[name]
            self.counted += 1

    def counters_now(self, counters, values, part):
        return {name: counters[name] + int(values[name] * part) for name in counters}

    # The ring

    def ring(self, pool, step):
        live = tuple(server.is_in_ring(step) for server in pool.servers)
        key = (pool.name, live)
        if key not in self.rings:
            self.rings[key] = Ring([s for s, is_in in zip(pool.servers, live) if is_in])
        return self.rings[key]

    def full_ring(self, pool):
        key = (pool.name, None)
        if key not in self.rings:
            self.rings[key] = Ring(pool.servers)
        return self.rings[key]


class Ring:
    """A ring of points as ketama makes it."""

    def __init__(self, servers):
        points = []
        total = sum(server.weight for server in servers) or 1
        for server in servers:
            hashes = max(1, int(server.weight / total * len(servers) * 40))
            for i in range(hashes):
                digest = hashlib.md5(f"{server.name}-{i}".encode()).digest()
                for j in range(4):
                    points.append((int.from_bytes(digest[4 * j:4 * j + 4], "little"), server.name))
        points.sort()
        self.points = [point for point, _ in points]
        self.names = [name for _, name in points]
        self.shares = {server.name: 0.0 for server in servers}
        for i, point in enumerate(self.points):
            before = self.points[i - 1] if i else self.points[-1] - 2**32
            self.shares[self.names[i]] += (point - before) / 2**32

    def owner(self, number):
        if not self.points:
            return None
        return self.names[bisect.bisect_left(self.points, number) % len(self.names)]

    def owner_of_key(self, key):
        return self.owner(int.from_bytes(hashlib.md5(key.encode()).digest()[:4], "little"))

    def slices(self, servers):
        if not self.points:
            return [-1] * SLICES
        index = {server.name: i for i, server in enumerate(servers)}
        answer = []
        for i in range(SLICES):
            seen = [self.owner(int((i + part / 9) / SLICES * 2**32)) for part in range(1, 9)]
            answer.append(index[max(set(seen), key=seen.count)])
        return answer
