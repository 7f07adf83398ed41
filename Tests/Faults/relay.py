"""A relay between ringroad and its memcacheds that does to their bytes whatever it is told to.

It is a process of its own with one loop. Faults, by server:

    hold          nothing moves and nobody is accepted, as if the network were gone
    refuse        nobody listens; connections are reset
    reset         whoever connects is reset
    backlog       the queue of those who wait to be accepted is full: the kernel drops what asks to connect
    rate          so many bytes of answers a second from this server, all connections together, read as they are sent on
    drip          so many bytes of an answer a second
    delay         (least, most, period): answers come later by a delay drawn anew every period, in order
    segment       no more than so many bytes at a time, both ways
    chance        the share of the pieces of answers that one of these is done to:
      cut         "rst" or "fin" in the middle of it
      lose        9 to 40 bytes missing inside it
      garbage     bytes before it that mean nothing
      extra       a value nobody asked for before it
      stall       it, and what follows, waits so many seconds
    forge         what a canary plants: see Forger
"""

import collections
import ctypes
import multiprocessing
import os
import random
import re
import selectors
import signal
import socket
import struct
import time

LOOPBACK = "127.0.0.1"
PIECE = 65536


class Forger:
    """What a proxy might do wrong, planted between clients and proxy: the clients must notice each of these."""

    def __init__(self, sin, dice):
        self.sin = sin
        self.dice = dice
        self.first = {}
        self.drops_answer = False

    def asked(self, data):
        """What is sent on for a request, and what is answered at once."""
        if self.dice.random() > 0.05:
            return data, b""
        if self.sin == "lost_ack" and data.startswith(b"set ") and b"noreply" not in data:
            return b"", b"STORED\r\n"
        if self.sin == "dup_apply" and data.startswith(b"incr "):
            self.drops_answer = True
            return data * 2, b""
        return data, b""

    def answer(self, data):
        """What is given for an answer; None to hang up instead."""
        if self.drops_answer:
            self.drops_answer = False
            return data[data.index(b"\n") + 1 :]
        value = re.match(rb"VALUE (\S+) \d+ (\d+)\r\n", data)
        if self.sin == "stale" and value:
            self.first.setdefault(value[1], data)
        if self.dice.random() > 0.05:
            return data
        if self.sin == "mismatch" and value:
            at = value.end()
            return data[:at] + bytes(reversed(data[at : at + int(value[2])])) + data[at + int(value[2]) :]
        if self.sin == "stale" and value:
            return self.first[value[1]]
        if self.sin == "false_miss" and value:
            return b"END\r\n"
        if self.sin == "desync" and data == b"STORED\r\n":
            return b"DELETED\r\n"
        if self.sin == "done" and data == b"STORED\r\n":
            return b"NOT_STORED\r\n"
        if self.sin == "extra":
            return data + b"STORED\r\n"
        return {"hang": b"", "unanswered": None}.get(self.sin, data)


class Connection:
    """One accepted connection and the one made to the memcached for it."""

    def __init__(self, loop, server, near):
        self.loop = loop
        self.server = server
        self.near = near
        self.far = socket.create_connection((LOOPBACK, server.target), 1)
        self.mute = False
        self.drops_idle = False
        self.is_closed = False
        self.forgery = None
        # Pieces that wait: (when, bytes). Towards the memcached, and back.
        self.queues = {self.far: collections.deque(), self.near: collections.deque()}
        self.ended = set()
        self.release = 0.0
        self.allowance = 0.0
        self.is_full = False
        self.allowed_at = time.monotonic()
        for one in (self.near, self.far):
            one.setblocking(False)
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            loop.selector.register(one, selectors.EVENT_READ, self)

    def peer(self, one):
        return self.far if one is self.near else self.near

    def readable(self, one):
        faults = self.server.faults
        if faults.get("hold"):
            return self.loop.pause(self)
        try:
            data = one.recv(PIECE)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            return self.close(one is self.far)
        if self.mute:
            return
        if one is self.near and self.drops_idle:
            return self.close(True)
        if one is self.far:
            self.answer(data, faults)
        else:
            self.server.asked += data.count(b"\n")
            if "forge" in faults:
                data, said = self.forger().asked(data)
                self.push(self.near, time.monotonic(), said)
            self.push(self.far, time.monotonic(), data)
        self.flush()

    def forger(self):
        if not self.forgery:
            self.forgery = Forger(self.server.faults["forge"], self.loop.dice)
        return self.forgery

    def answer(self, data, faults):
        now = time.monotonic()
        when = now
        self.server.sent_bytes += len(data)
        if "rate" in faults:
            self.server.free_at = when = max(self.server.free_at, now) + len(data) / faults["rate"]
            # As much as a network holds is on its way; the server waits with the rest.
            if when - now > 0.01 and not self.is_full:
                self.is_full = True
                self.loop.selector.unregister(self.far)
        if "delay" in faults:
            when += self.server.delay_now(now)
        dice = self.loop.dice
        if faults.get("chance") and dice.random() < faults["chance"]:
            self.server.injected += 1
            if "cut" in faults:
                self.push(self.near, now, data[: dice.randrange(len(data) + 1)])
                self.flush()
                return self.close(faults["cut"] == "rst")
            if "lose" in faults and len(data) > 1:
                at = dice.randrange(len(data))
                data = data[:at] + data[at + dice.randint(9, 40) :]
            if "garbage" in faults:
                noise = bytes(dice.choice(range(256)) for _ in range(dice.randint(1, 60)))
                data = noise + dice.choice([b"", b"\r\n"]) + data
            if "extra" in faults:
                data = b"VALUE nobody:asked 0 5\r\nhello\r\n" + dice.choice([b"", b"END\r\n"]) + data
            if "stall" in faults:
                when += faults["stall"]
        if "forge" in faults:
            data = self.forger().answer(data)
            if data is None:
                return self.close(False)
        self.release = max(self.release, when)
        lines = data.count(b"\n")
        self.server.answered += lines
        if self.release - now <= self.server.patience:
            self.server.in_time += lines
        self.push(self.near, self.release, data)

    def push(self, to, when, data):
        segment = self.server.faults.get("segment")
        for at in range(0, len(data), segment or max(1, len(data))):
            self.queues[to].append((when, data[at : at + segment] if segment else data))

    def flush(self):
        """Sends what is due; asks the loop to come back for the rest."""
        if self.is_closed or self.server.faults.get("hold"):
            return
        now = time.monotonic()
        drip = self.server.faults.get("drip")
        for to, queue in self.queues.items():
            while queue:
                when, data = queue[0]
                if when > now:
                    self.loop.at(when, self)
                    break
                if drip and to is self.near:
                    self.allowance = min(self.allowance + (now - self.allowed_at) * drip, max(drip, 1))
                    self.allowed_at = now
                    whole = int(self.allowance)
                    if whole < 1:
                        self.loop.at(now + 0.05, self)
                        break
                    self.allowance -= min(whole, len(data))
                    piece = data[:whole]
                else:
                    piece = data
                try:
                    sent = to.send(piece)
                except BlockingIOError:
                    self.loop.at(now + 0.001, self)
                    break
                except OSError:
                    return self.close(to is self.near)
                queue.popleft()
                if sent < len(data):
                    queue.appendleft((when, data[sent:]))
        if self.is_full and not self.queues[self.near]:
            self.is_full = False
            self.loop.selector.register(self.far, selectors.EVENT_READ, self)

    def close(self, resets=False):
        if self.is_closed:
            return
        self.is_closed = True
        self.server.connections.discard(self)
        for one in (self.near, self.far):
            try:
                self.loop.selector.unregister(one)
            except (KeyError, ValueError):
                pass
        if resets:
            self.near.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.near.close()
        self.far.close()


class Server:
    """One listener, and what is done to those behind it."""

    def __init__(self, loop, target, port):
        self.loop = loop
        self.target = target
        self.port = port
        self.faults = {}
        self.connections = set()
        self.listener = None
        self.fillers = []
        self.accepts = self.asked = self.answered = self.in_time = self.injected = 0
        self.sent_bytes = 0
        self.free_at = 0.0
        self.patience = 0.5
        self.delay = (0.0, -1.0)
        self.listen()

    def listen(self, backlog=512):
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind((LOOPBACK, self.port))
        self.port = self.listener.getsockname()[1]
        self.listener.listen(backlog)
        self.listener.setblocking(False)
        if backlog:
            self.loop.selector.register(self.listener, selectors.EVENT_READ, self)

    def unlisten(self):
        if self.listener:
            try:
                self.loop.selector.unregister(self.listener)
            except (KeyError, ValueError):
                pass
            self.listener.close()
            self.listener = None

    def delay_now(self, now):
        least, most, period = self.faults["delay"]
        value, until = self.delay
        if now >= until:
            value = self.loop.dice.uniform(least, most)
            self.delay = (value, now + period)
        return value

    def readable(self, _):
        # It may have been closed since the event.
        if self.listener is None:
            return
        if self.faults.get("hold"):
            return self.loop.pause_listener(self)
        try:
            near, _ = self.listener.accept()
        except OSError:
            return
        self.accepts += 1
        if self.faults.get("reset"):
            near.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return near.close()
        try:
            self.connections.add(Connection(self.loop, self, near))
        except OSError:
            near.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            near.close()

    def set(self, faults):
        before, self.faults = self.faults, dict(faults)
        deed = self.faults.pop("deed", None)
        if before.get("hold") and not self.faults.get("hold"):
            self.loop.resume(self)
        if faults.get("refuse") or faults.get("backlog"):
            self.unlisten()
        elif self.listener is None or before.get("backlog"):
            self.unlisten()
            for one in self.fillers:
                one.close()
            self.fillers = []
            self.listen()
        if faults.get("refuse") or faults.get("reset") or faults.get("backlog") or deed == "reset":
            for one in list(self.connections):
                one.close(True)
        if faults.get("backlog"):
            self.listen(0)
            for _ in range(4):
                one = socket.socket()
                one.setblocking(False)
                one.connect_ex((LOOPBACK, self.port))
                self.fillers.append(one)
        for one in list(self.connections):
            if deed == "mute":
                one.mute = True
            if deed == "drop idle":
                one.drops_idle = True
            if isinstance(deed, bytes):
                one.push(one.near, time.monotonic(), deed)
                self.injected += 1
            one.flush()

    def counts(self):
        return {
            "accepts": self.accepts,
            "connections": len(self.connections),
            "asked": self.asked,
            "answered": self.answered,
            "sent_bytes": self.sent_bytes,
            "in_time": self.in_time,
            "injected": self.injected,
        }


class Loop:
    def __init__(self, targets, ports, control, seed):
        self.selector = selectors.DefaultSelector()
        self.dice = random.Random(seed)
        self.control = control
        self.timers = []
        self.paused = {}
        self.servers = [Server(self, target, port) for target, port in zip(targets, ports)]
        self.selector.register(control, selectors.EVENT_READ, None)

    def at(self, when, connection):
        self.timers.append((when, connection))

    def pause(self, connection):
        for one in (connection.near, connection.far):
            self.selector.unregister(one)
        self.paused.setdefault(connection.server, []).append(connection)

    def pause_listener(self, server):
        self.selector.unregister(server.listener)
        self.paused.setdefault(server, []).append(server)

    def resume(self, server):
        for one in self.paused.pop(server, []):
            if one is server:
                if server.listener and server.listener not in self.selector.get_map():
                    self.selector.register(server.listener, selectors.EVENT_READ, server)
            elif not one.is_closed:
                for end in (one.near, one.far):
                    self.selector.register(end, selectors.EVENT_READ, one)

    def run(self):
        while True:
            now = time.monotonic()
            due = [one for when, one in self.timers if when <= now]
            if due:
                self.timers = [t for t in self.timers if t[0] > now]
                for one in dict.fromkeys(due):
                    one.flush()
            wait = min((t[0] for t in self.timers), default=now + 1) - time.monotonic()
            for key, _ in self.selector.select(max(0, wait)):
                if key.data is None:
                    self.obey()
                elif getattr(key.data, "is_closed", False):
                    continue
                else:
                    try:
                        key.data.readable(key.fileobj)
                    except KeyError:
                        pass

    def obey(self):
        try:
            which, faults = self.control.recv()
        except EOFError:
            os._exit(0)
        if faults is not None:
            for i in which:
                self.servers[i].set(faults)
        self.control.send([server.counts() for server in self.servers])


def run(targets, ports, control, seed):
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Loop(targets, ports, control, seed).run()


class Relay:
    """The relay as its user sees it."""

    def __init__(self, targets, seed=1):
        from rig import quiet_port

        self.ports = [quiet_port() for _ in targets]
        self.control, other = multiprocessing.Pipe()
        self.child = multiprocessing.Process(target=run, args=(targets, self.ports, other, seed), daemon=True)
        self.child.start()
        other.close()
        self.counts()

    def set(self, which, **faults):
        """From now on this is what happens to these servers; nothing named is nothing done."""
        which = [which] if isinstance(which, int) else list(which)
        self.control.send((which, faults))
        return self.control.recv()

    def do(self, which, deed):
        """Once: "reset", "mute", "drop idle", or bytes that nobody asked for."""
        return self.set(which, deed=deed)

    def counts(self):
        self.control.send(((), None))
        return self.control.recv()

    def end(self):
        self.child.kill()
        self.child.join()
