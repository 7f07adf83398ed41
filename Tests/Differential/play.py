"""Plays a sequence to an address, and looks at what the servers hold afterwards."""

import re
import socket
import time

from sequence import LAST, MARK, TOKEN
from servers import LOOPBACK

# The ends of the answers to them.
MARKED = b"MN\r\n"
LASTED = b"END\r\nERROR\r\nMN\r\nMN\r\n"
UNIQUE = re.compile(rb"^VALUE (\S+) \d+ \d+ (\d+)\r$", re.M)
PATIENCE = 8.0


class Stuck(Exception):
    """A server neither answered nor hung up."""


class Player:
    """Plays to one port. Each sequence has a connection of its own."""

    def __init__(self, port):
        self.port = port
        self.count = 0

    def connect(self):
        # Addresses in turn, so that ports do not run out.
        self.count += 1
        self.socket = socket.socket()
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.bind((f"127.0.{1 + self.count % 50}.1", 0))
        self.socket.settimeout(PATIENCE)
        self.socket.connect((LOOPBACK, self.port))
        self.answer = b""
        self.tokens = {}
        self.is_over = False

    def begin(self, sequence):
        """Connects and plays all that does not have to wait for the end."""
        self.connect()
        self.is_framed = sequence.is_framed
        if sequence.setup:
            self.send(b"".join(sequence.setup) + MARK)
            self.wait_for_mark(PATIENCE)
        # A value that has not ended keeps the mark for itself; cas numbers are worth waiting for.
        patience = 0.15 if TOKEN.search(sequence.stream) else 0.03
        if sequence.mode == "steps":
            for request in sequence.requests:
                self.send(self.resolved(request) + MARK)
                if not self.wait_for_mark(patience):
                    patience = 0.005
            self.send(LAST)
        else:
            data = self.resolved(sequence.stream) + LAST
            pieces = sequence.pieces(data)
            for piece in pieces:
                self.send(piece)
                if len(pieces) > 1:
                    time.sleep(0.0003)
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def finish(self):
        """The whole answer, up to the server's hanging up."""
        while self.receive():
            pass
        self.socket.close()
        return self.answer

    def resolved(self, request):
        if b"{cas:" not in request:
            return request
        for key, unique in UNIQUE.findall(self.answer):
            self.tokens[key] = unique
        # Where a line may be taken for a value, all must be of one length.
        width = 0 if self.is_framed else 12
        return TOKEN.sub(lambda m: self.tokens.get(m[1], b"1").zfill(width), request)

    def send(self, data):
        # Answers are taken while sending, or two full pipes would wait for each other.
        view = memoryview(data)
        while view and not self.is_over:
            try:
                sent = self.socket.send(view[:65536])
            except OSError:
                self.is_over = True
                return
            view = view[sent:]
            if view:
                self.drain()

    def drain(self):
        self.socket.settimeout(0)
        try:
            while self.receive():
                pass
        except (BlockingIOError, Stuck):
            pass
        self.socket.settimeout(PATIENCE)

    def wait_for_mark(self, patience):
        deadline = time.monotonic() + patience
        begun = len(self.answer)
        try:
            while not (self.answer.endswith(MARKED) and len(self.answer) > begun):
                left = deadline - time.monotonic()
                if left <= 0:
                    return False
                self.socket.settimeout(left)
                if not self.receive():
                    return False
        except Stuck:
            return False
        finally:
            self.socket.settimeout(PATIENCE)
        return True

    def receive(self):
        try:
            more = self.socket.recv(262144)
        except BlockingIOError:
            raise
        except TimeoutError as error:
            raise Stuck(f"port {self.port}, after {self.answer[-200:]!r}") from error
        except OSError:
            more = b""
        if not more:
            self.is_over = True
        self.answer += more
        return bool(more)


class Custodian:
    """Clears the memcacheds before a sequence and lists what they hold after it, past ringroad."""

    def __init__(self, ports):
        self.wires = [socket.create_connection((LOOPBACK, p), PATIENCE) for p in ports]
        for wire in self.wires:
            wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask_all(self, request, end):
        for wire in self.wires:
            wire.sendall(request)
        answers = []
        for wire in self.wires:
            answer = b""
            while not answer.endswith(end):
                more = wire.recv(262144)
                if not more:
                    raise Stuck("a memcached has gone")
                answer += more
            answers.append(answer)
        return answers

    def clear(self):
        self.ask_all(b"flush_all\r\n", b"OK\r\n")

    def holdings(self, keys):
        """Per server, for each key that it holds: (seconds to live, flags, value)."""
        asked = b"".join(b"mg " + k + b" t f v\r\n" for k in keys) + MARK
        holdings = []
        for answer in self.ask_all(asked, MARKED):
            found = {}
            at = 0
            for key in keys:
                line, at = self.line(answer, at)
                if not line.startswith(b"VA "):
                    continue
                words = line.split(b" ")
                size = int(words[1])
                found[key] = (int(words[2][1:]), words[3], answer[at : at + size])
                at += size + 2
            holdings.append(found)
        return holdings

    @staticmethod
    def line(answer, at):
        end = answer.index(b"\r\n", at)
        return answer[at:end], end + 2
