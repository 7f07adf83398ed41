"""Clients that check every byte: a process with one loop, told what to do over a pipe.

A client has a connection and keys of its own. It sends a few requests at once, checks every answer against what its keys
may hold, and pauses. Half of the clients are pinned: all their keys are on one server, so that it can be told whether a
server's failure touches anybody else. What happened is told as events: (when, client, server, what, seconds).
"""

import collections
import ctypes
import gc
import heapq
import multiprocessing
import os
import selectors
import signal
import time

from client import MISS, OK, Client
from model import VIOLATIONS, Counter, Key


class Crew:
    """All clients, in one loop."""

    def __init__(self, spec, control):
        self.spec = spec
        self.control = control
        self.selector = selectors.DefaultSelector()
        self.selector.register(control, selectors.EVENT_READ, None)
        self.timers = []
        self.order = 0
        self.batches = spec["batches"]
        self.think = spec["think"]
        self.events = []
        self.counts = collections.Counter()
        self.causes = collections.Counter()
        self.remarks = []
        self.zombies = self.refused = self.raced = 0
        self.forgetful = list(spec["forgetful"])
        self.is_paused = self.is_ending = False
        # When a server failed a request, to a tenth of a second.
        self.troubles = [[] for _ in spec["labels"]]
        self.clients = []
        for number, one in enumerate(spec["clients"]):
            keys = [Key(name, owner, spec["scale"], spec["plain"]) for name, owner in one["keys"]]
            for key in keys:
                key.troubles = self.troubles[key.owner]
            counters = [Counter(name, owner) for name, owner in one["counters"]]
            self.clients.append(Client(self, number, keys, counters, one["pinned"]))

    def later(self, when, client):
        self.order += 1
        heapq.heappush(self.timers, (when, self.order, client))

    def done(self, client, now):
        self.later(now + client.dice.expovariate(1 / self.think) if self.think else now, client)

    def trouble(self, label, now):
        times = self.troubles[self.spec["labels"].index(label)]
        if not times or now - times[-1] > 0.1:
            times.append(now)

    def violate(self, what, why):
        self.counts[what] += 1
        if len(self.remarks) < 40:
            self.remarks.append(f"{what}: {why}")

    def run(self):
        gc.disable()
        now = time.monotonic()
        for client in self.clients:
            self.later(now, client)
        looked = now
        while True:
            now = time.monotonic()
            while self.timers and self.timers[0][0] <= now:
                client = heapq.heappop(self.timers)[2]
                if self.is_paused:
                    if not client.asks:
                        self.later(now + 0.01, client)
                        break
                    continue
                client.turn(now)
            if now - looked > 0.5:
                looked = now
                for client in self.clients:
                    if client.asks and now - client.sent_at > self.spec["hang"]:
                        client.violate("hang", f"{len(client.asks)} requests, first {client.asks[0].kind}")
                        client.again()
            wait = self.timers[0][0] - now if self.timers else 0.2
            for key, events in self.selector.select(max(0, min(wait, 0.2))):
                client = key.data
                if client is None:
                    if self.obey():
                        return
                    continue
                if client.wire is not key.fileobj:
                    continue
                if events & selectors.EVENT_WRITE:
                    client.write()
                if client.wire and events & selectors.EVENT_READ:
                    client.readable()

    # MARK: orders

    def obey(self):
        try:
            order, argument = self.control.recv()
        except EOFError:
            os._exit(0)
        answer = None
        if order == "filled":
            answer = not any(client.is_filling for client in self.clients)
        elif order == "forget":
            # What this server held may be gone from now on.
            self.forgetful[argument] = True
        elif order == "pause":
            self.is_paused = argument
        elif order == "idle":
            answer = not any(client.asks for client in self.clients)
        elif order == "ending":
            self.is_ending = True
        elif order == "stop":
            self.is_paused = True
            answer = self.finish(argument)
        self.control.send(answer)
        return order == "stop"

    def finish(self, verify):
        deadline = time.monotonic() + self.spec["hang"]
        while any(client.asks for client in self.clients) and time.monotonic() < deadline:
            for key, events in self.selector.select(0.1):
                if key.data is not None and key.data.wire is key.fileobj:
                    if events & selectors.EVENT_WRITE:
                        key.data.write()
                    if key.data.wire:
                        key.data.readable()
        for client in self.clients:
            if client.asks:
                client.violate("hang", f"{len(client.asks)} requests at the end, first {client.asks[0].kind}")
        # What nobody asked for comes now, if ever.
        for client in self.clients:
            if client.wire and not client.asks:
                client.wire.setblocking(True)
                client.wire.settimeout(0.02 if client.number == 0 else 0.001)
                try:
                    if client.wire.recv(100):
                        client.violate("extra", "at the end")
                except OSError:
                    pass
            client.disconnect()
        if verify:
            from verify import verify_all

            verify_all(self, verify)
        return {
            "events": self.events,
            "violations": {what: self.counts[what] for what in VIOLATIONS},
            "causes": dict(self.causes),
            "remarks": self.remarks,
            "zombies": self.zombies,
            "refused": self.refused,
            "raced": self.raced,
            "pinned": [client.pinned for client in self.clients],
        }


def run(spec, control):
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Crew(spec, control).run()


class Load:
    """The clients as a row sees them."""

    def __init__(self, rig, *, seed=1, clients=16, keys=40, think=0.01, batches=(1, 1, 2, 3, 6), port=None, segment=None,
                 allowed=(), scale=1500, counters=True, hang=10.0, plain=False):  # fmt: skip
        names = [
            f"{kind}{c}:{i}" for c in range(clients) for kind in ("k", "n") for i in range(120 if kind == "k" else 24)
        ]
        owners = rig.proxy.route(names)
        crew = []
        for c in range(clients):
            pinned = c // 2 % len(rig.servers) if c < clients // 2 else None
            fits = [n for n in names if n[1:].startswith(f"{c}:") and pinned in (None, owners[n])]
            own = [n for n in fits if n[0] == "k"][:keys]
            counts = [n for n in fits if n[0] == "n"][:4] if counters and not rig.ejects else []
            crew.append({
                "keys": [(n.encode(), owners[n]) for n in own],
                "counters": [(n.encode(), owners[n]) for n in counts],
                "pinned": pinned,
            })  # fmt: skip
        self.rig = rig
        spec = {
            "port": port or rig.proxy.port, "seed": seed, "clients": crew, "think": think, "batches": batches,
            "segment": segment, "allowed": [a.encode() for a in allowed], "scale": scale,
            "forgetful": [rig.ejects] * len(rig.servers), "hang": hang, "plain": plain,
            "hides_failed_writes": rig.hides_failed_writes,
            "labels": [server.encode() for server in rig.proxy.servers],
        }  # fmt: skip
        self.control, other = multiprocessing.Pipe()
        self.child = multiprocessing.Process(target=run, args=(spec, other), daemon=True)
        self.child.start()
        other.close()
        deadline = time.monotonic() + 15
        while not self.order("filled"):
            if time.monotonic() > deadline:
                raise RuntimeError("the clients cannot store their keys")
            time.sleep(0.02)

    def order(self, order, argument=None, patience=60):
        self.control.send((order, argument))
        if not self.control.poll(patience):
            raise RuntimeError(f"the clients do not answer: {order}")
        return self.control.recv()

    def forget(self, server):
        self.order("forget", server)

    def pause(self):
        self.order("pause", True)
        while not self.order("idle"):
            time.sleep(0.01)

    def go_on(self):
        self.order("pause", False)

    def stop(self, verify=True):
        """Ends it. With `verify`, the servers are read past the proxy, and everything is written and read once more."""
        spec = {"servers": [server.port for server in self.rig.servers], "ejects": self.rig.ejects} if verify else None
        result = Result(self.order("stop", spec))
        self.child.join(5)
        return result

    def end(self):
        if self.child.is_alive():
            self.child.kill()
        self.child.join()


class Result:
    def __init__(self, told):
        self.__dict__.update(told)

    @property
    def bad(self):
        return sum(self.violations.values())

    def of(self, *, owner=None, but=None, since=0.0, until=float("inf"), pinned=None):
        """Events by the server that owns the key, in a span of time; of pinned clients, of the others, or of all."""
        return [
            e for e in self.events
            if since <= e[0] < until
            and (owner is None or e[2] == owner)
            and (but is None or e[2] not in but)
            and (pinned is None or (self.pinned[e[1]] is not None) == pinned)
        ]  # fmt: skip


def share_ok(events):
    return sum(e[3] in (OK, MISS) for e in events) / len(events) if events else 1.0


def quantile(events, q):
    """Seconds that a share q of the events did not exceed."""
    if not events:
        return 0.0
    took = sorted(e[4] for e in events)
    return took[min(len(took) - 1, int(q * len(took)))]
