#!/usr/bin/env python3
"""Serves the dashboard and its API with made-up values. Used by the tests, and to look at the page:

  mock.py [--servers 6] [--pools 1] [--port 11312] [--hostile] [--calm] [--outage EVERY:SECONDS]

The page is bundled again for every request for it, so that a changed file is seen with a reload.
"""
import argparse
import http.server
import importlib.util
import json
import pathlib
import socket
import threading
import time
import urllib.parse

from world import MEMORY_LIMIT, STEPS, World, noise

ROOT = pathlib.Path(__file__).resolve().parents[2]
SPEC = importlib.util.spec_from_file_location("bundle", ROOT / "Sources/Admin/Page/bundle.py")
bundle = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(bundle)


class Refusal(Exception):
    def __init__(self, status, words):
        super().__init__(words)
        self.status = status


class Api:
    """The answers of the API, from a world."""

    def __init__(self, world):
        self.world = world
        self.lock = threading.RLock()

    def answer(self, path, query):
        names = {
            "status": self.status, "pools": self.pools, "servers": self.servers, "ring": self.ring, "history": self.history,
            "hotkeys": self.hotkeys, "events": self.events, "route": self.route, "config": self.config,
        }
        if path not in names:
            raise Refusal(404, "unknown path")
        with self.lock:
            now = time.time()
            self.world.count_to(int(now))
            return names[path](query, now)

    def status(self, query, now):
        world = self.world
        step = int(now)
        out = [(server, server.outage(step)) for server in world.servers if server.outage(step)]
        attention = []
        for server, (_, state, cause) in out:
            if state == "ejected":
                attention.append({"level": "warning", "text": f"server {server.name} is ejected ({cause}): its keys are on other servers", "server": server.name, "pool": server.pool})
            else:
                attention.append({"level": "info", "text": f"server {server.name} is {state}", "server": server.name, "pool": server.pool})
        attention.sort(key=lambda one: one["level"] == "info")
        is_loaded = world.stopped is None or step < world.stopped
        workers = []
        for i in range(2):
            busy = (0.31 + 0.05 * noise("busy", i, step)) if is_loaded else 0.004
            workers.append({"number": i, "clients": 214 + i, "forwarded": world.pools[0].counters["requests"] // 2, "cpu_seconds": 8123.4, "busy": busy})
        return {
            "version": "0.9.0", "pid": 4711, "started": world.started, "uptime": now - world.started, "now": now,
            "config": "/etc/ringroad.yml", "ready": True, "reasons": [], "attention": attention, "workers": workers,
            "listeners": [{
                "address": "0.0.0.0:11311", "clients": sum(w["clients"] for w in workers), "accepted": 81233,
                "requests": world.pools[0].counters["requests"], "latency": {"p50": 0.00021, "p99": 0.0008, "p999": 0.0021},
            }],
            "clients": {"now": sum(w["clients"] for w in workers), "accepted": 81233, "rejected": 0, "limit": 10000},
            "memory": {"in_use": 31 << 20, "idle": 12 << 20, "limit": MEMORY_LIMIT},
            "reloads": {"applied": 4, "refused": 0, "last_error": None}, "counters": {"client_flushes": 0},
        }

    def pools(self, query, now):
        world, step, part = self.world, int(now), now % 1
        answer = []
        for pool in world.pools:
            values = world.pool_step(pool, step)
            counters = world.counters_now(pool.counters, values, part)
            recent = world.pool_step(pool, step - 1)
            latency = None if recent["p50"] is None else {name: recent[name] for name in ("p50", "p99", "p999")}
            answer.append({
                "name": pool.name, "placement": pool.placement, "hash": "md5", "routes": [pool.prefix],
                "servers": [server.name for server in pool.servers], "up": sum(server.is_in_ring(step) for server in pool.servers),
                "outcomes": {"get": {"hit": counters["hits"], "miss": counters["misses"]}}, **counters, "latency": latency,
            })
        return {"pools": answer}

    def servers(self, query, now):
        world, step, part = self.world, int(now), now % 1
        answer = []
        for pool in world.pools:
            ring = world.ring(pool, step)
            values = world.pool_step(pool, step)
            before = world.pool_step(pool, step - 1)
            shares, earlier = world.shares(pool, step), world.shares(pool, step - 1)
            weights = sum(server.weight for server in pool.servers)
            for server in pool.servers:
                own = world.server_step(server, step, values, shares)
                recent = world.server_step(server, step - 1, before, earlier)
                outage = server.outage(step)
                first, state, cause = outage or (world.started, "up", None)
                traffic = recent["requests"] / before["requests"] if before["requests"] else None
                answer.append({
                    "name": server.name, "pools": [pool.name], "state": state, "cause": cause, "note": None, "since": first, "weight": server.weight,
                    **world.counters_now(server.counters, own, part),
                    "failures": {"timed out": server.counters["errors"]}, "reads_as_misses": 0, "late_replies": 0,
                    "bytes_in": server.counters["hits"] * 700, "bytes_out": server.counters["requests"] * 40, "connections": 4,
                    "in_flight": int(recent["requests"] * 0.0004 * (1 + noise("flight", server.name, step))) if not outage else 0,
                    "queued_bytes": 0, "ejections": len(server.outages),
                    "latency": None if recent["p50"] is None else {name: recent[name] for name in ("p50", "p99", "p999")},
                    "share": {"ring": ring.shares.get(server.name, 0), "ideal": server.weight / weights, "traffic": traffic},
                })
        return {"servers": answer}

    def ring(self, query, now):
        world, step = self.world, int(now)
        wanted = query.get("pool", [world.pools[0].name])[0]
        pool = next((one for one in world.pools if one.name == wanted), None)
        if pool is None:
            raise Refusal(404, "unknown pool")
        ring = world.ring(pool, step)
        weights = sum(server.weight for server in pool.servers)
        servers = []
        for server in pool.servers:
            outage = server.outage(step)
            servers.append({"name": server.name, "state": outage[1] if outage else "up", "ring": ring.shares.get(server.name, 0), "ideal": server.weight / weights})
        if not hasattr(ring, "kept"):
            ring.kept = ring.slices(pool.servers)
        return {"pool": pool.name, "placement": pool.placement, "servers": servers, "slices": ring.kept}

    def history(self, query, now):
        world = self.world
        last = int(now) - 1
        first = last - STEPS + 1
        if "since" in query:
            try:
                first = max(first, int(query["since"][0]) + 1)
            except ValueError as error:
                raise Refusal(400, "since: a number") from error
        steps = range(first, last + 1)
        names = ("requests", "hits", "misses", "errors", "p50", "p99", "p999")
        pools = {pool.name: [world.pool_step(pool, step) for step in steps] for pool in world.pools}
        total = []
        for rows in zip(*pools.values()):
            row = {name: sum(one[name] for one in rows) for name in names[:4]}
            row.update({name: max((one[name] for one in rows if one[name] is not None), default=None) for name in names[4:]})
            total.append(row)
        columns = lambda rows: {name: [row[name] for row in rows] for name in names}
        asked = list(query.get("server", []))
        if query.get("servers") == ["all"]:
            if len(world.servers) > 100:
                raise Refusal(400, "servers=all: at most 100 servers")
            asked = [server.name for server in world.servers]
        servers = {}
        for name in asked:
            if name not in world.by_name:
                raise Refusal(404, "unknown server")
            servers[name] = columns([world.server_step(world.by_name[name], step) for step in steps])
        return {
            "step": 1.0, "first": first, "last": last, "now": now, "total": columns(total),
            "pools": {name: columns(rows) for name, rows in pools.items()}, "servers": servers,
        }

    def hotkeys(self, query, now):
        world, step = self.world, int(now)
        by = query.get("by", ["requests"])[0]
        keys = ["session:9f31c2", "user:1", "front:page:en", "flags:all", "cart:88172", "price:EUR", "user:20733", "menu:de", "feed:top", "rate:10.1.4.7"]
        if world.hostile:
            keys[:3] = ["<img src=x onerror=alert(5)>", "\\xff\\x00\\x1b[31m", "k" * 250]
        total = int(18e9 if by == "bytes" else 25e6)
        answer = []
        for i, key in enumerate(keys):
            pool = world.pools[0]
            size = noise("size", key) if by == "bytes" else 1
            share = 0.041 * 0.72 ** i * size * (0.97 + 0.06 * noise("key", key, step // 5))
            answer.append({
                "key": key, "pool": pool.name, "server": world.ring(pool, step).owner_of_key(key), "share": share,
                "count": int(share * total), "error": int(share * 4000) if i > 4 else 0, "age": 590.0 - 17 * i,
            })
        answer.sort(key=lambda one: -one["count"])
        return {"sampled": 1 / 512, "half_life": 300.0, "by": by, "total": total, "keys": answer}

    def events(self, query, now):
        since = int(query.get("since", ["0"])[0])
        return {"events": [event for event in self.world.events if event["seq"] > since]}

    def route(self, query, now):
        key = query.get("key", [""])[0]
        if not key or len(key.encode()) > 250 or any(c.isspace() for c in key):
            raise Refusal(404, "not a key")
        world, step = self.world, int(now)
        pool = next((one for one in world.pools if one.prefix and key.startswith(one.prefix)), world.pools[0])
        server, owner = world.ring(pool, step).owner_of_key(key), world.full_ring(pool).owner_of_key(key)
        return {"key": key, "pool": pool.name, "prefix": pool.prefix, "server": server, "label": (owner or "").removesuffix(":11211"), "owner": owner, "state": "up", "plan": None}

    def config(self, query, now):
        return {"path": "/etc/ringroad.yml", "yaml": "listen: 0.0.0.0:11311\n"}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def do_GET(self):
        mock = self.server.mock
        target = urllib.parse.urlsplit(self.path)
        query = urllib.parse.parse_qs(target.query, keep_blank_values=True)
        mock.asked.append((time.monotonic(), target.path))
        if mock.mode == "hang":
            mock.end.wait(30)
            self.close_connection = True
            return
        if mock.mode == "error" and target.path != "/":
            return self.reply(500, json.dumps({"error": "out of order"}).encode(), "application/json")
        if target.path == "/":
            return self.page()
        if target.path in ("/healthz", "/readyz"):
            return self.reply(200, b"ok\n", "text/plain")
        if not target.path.startswith("/api/v1/"):
            return self.reply(404, b'{"error":"unknown path"}', "application/json")
        name = target.path.removeprefix("/api/v1/")
        if name == "events" and mock.has_stream and "text/event-stream" in self.headers.get("Accept", ""):
            return self.stream(query)
        try:
            answer = mock.api.answer(name, query)
        except Refusal as refusal:
            return self.reply(refusal.status, json.dumps({"error": str(refusal)}).encode(), "application/json")
        self.reply(200, json.dumps(answer).encode(), "application/json")

    def page(self):
        html, policy = bundle.bundle()
        self.reply(200, html.encode(), "text/html; charset=utf-8", {"Content-Security-Policy": policy})

    def reply(self, status, body, kind, headers=None):
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def stream(self, query):
        mock = self.server.mock
        last = int(self.headers.get("Last-Event-ID") or query.get("since", ["0"])[0])
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        mock.streams += 1
        try:
            while not mock.end.is_set() and mock.mode == "answer":
                for event in [one for one in mock.world.events if one["seq"] > last]:
                    last = event["seq"]
                    self.wfile.write(f"id: {last}\ndata: {json.dumps(event)}\n\n".encode())
                self.wfile.flush()
                mock.end.wait(0.05)
        except OSError:
            pass
        finally:
            mock.streams -= 1


class Listener(http.server.ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64

    def __init__(self, address, mock):
        self.mock = mock
        self.connections = set()
        super().__init__(address, Handler)

    def process_request(self, request, address):
        self.connections.add(request)
        super().process_request(request, address)

    def shutdown_request(self, request):
        self.connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request, address):
        pass


class Mock:
    """A running mock proxy."""

    def __init__(self, world, port=0, has_stream=True):
        self.world = world
        self.api = Api(world)
        self.has_stream = has_stream
        self.mode = "answer"  # or "hang", "error"
        self.end = threading.Event()
        self.streams = 0
        self.asked = []  # (when, path) of every request
        self.listener = None
        self.port = port
        self.start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def start(self):
        self.end.clear()
        self.mode = "answer"
        self.listener = Listener(("127.0.0.1", self.port), self)
        self.port = self.listener.server_address[1]
        threading.Thread(target=self.listener.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self):
        """Like a proxy that ends: no connection stays open, and none can be made."""
        self.end.set()
        self.listener.shutdown()
        self.listener.server_close()
        for connection in list(self.listener.connections):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--servers", type=int, default=6)
    parser.add_argument("--pools", type=int, default=1)
    parser.add_argument("--port", type=int, default=11312)
    parser.add_argument("--hostile", action="store_true", help="names that try to be more than names")
    parser.add_argument("--calm", action="store_true", help="no incident")
    parser.add_argument("--outage", help="EVERY:SECONDS: end every so often, for some seconds")
    options = parser.parse_args()
    mock = Mock(World(options.servers, options.pools, not options.calm, options.hostile), options.port)
    print(mock.url, flush=True)
    try:
        while True:
            if options.outage is None:
                time.sleep(3600)
                continue
            every, seconds = map(float, options.outage.split(":"))
            time.sleep(every)
            mock.stop()
            time.sleep(seconds)
            mock.start()
    except KeyboardInterrupt:
        mock.stop()


if __name__ == "__main__":
    main()
