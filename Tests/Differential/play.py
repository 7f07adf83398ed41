"""Plays a sequence to several addresses at once, and looks at what the servers hold afterwards."""

import contextlib
import re
import select
import signal
import socket
import time

from declared import Filter
from sequence import LAST, MARK, TOKEN
from servers import LOOPBACK

# The ends of the answers to them.
MARKED = b"MN\r\n"
LASTED = b"END\r\nERROR\r\nMN\r\nMN\r\n"
UNIQUE = re.compile(rb"VALUE (\S+) \d+ \d+ (\d+)\r\n")
# How long a server may be silent while it owes an answer.
PATIENCE = 8.0
# And how long while the rest can go on without it.
BRIEFLY = 2.0


class Stuck(Exception):
    """A server neither answered nor hung up, or not in time."""


@contextlib.contextmanager
def within(seconds):
    """Whatever is done inside ends in that time, with Stuck if need be. For the first thread, and not nested."""

    def stop(*_):
        raise Stuck(f"not at its end after {seconds} s")

    former = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, former)


def together(players, sequence):
    """Plays it to all of them side by side: the whole answers, each up to the server's hanging up."""
    talks = {player: player.talk(sequence) for player in players}
    # What each waits for: when it goes on in any case, and whether it has more to send.
    waits = {player: next(talk) for player, talk in talks.items()}
    while waits:
        soonest = min(moment for moment, _ in waits.values())
        readers = [player for player in waits if not player.is_over]
        writers = [player for player, (_, is_sending) in waits.items() if is_sending]
        readable, writable, _ = select.select(readers, writers, [], max(0, soonest - time.monotonic()))
        now = time.monotonic()
        for player in readable:
            player.receive()
        for player in list(waits):
            if player in readable or player in writable or waits[player][0] <= now:
                try:
                    waits[player] = next(talks[player])
                except StopIteration:
                    del waits[player]
    return [player.taken() for player in players]


class Player:
    """Plays to one port. Each sequence has a connection of its own."""

    def __init__(self, port, version=None):
        self.port = port
        # Of the memcached that is played to itself: it is not sent the values of refused lines.
        self.version = version
        self.dropped = 0
        self.count = 0
        self.room = memoryview(bytearray(262144))
        self.socket = None

    def fileno(self):
        return self.socket.fileno()

    def connect(self):
        # Addresses in turn, so that ports do not run out.
        self.count += 1
        self.socket = socket.socket()
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.bind((f"127.0.{1 + self.count % 50}.1", 0))
        self.socket.settimeout(PATIENCE)
        self.socket.connect((LOOPBACK, self.port))
        self.socket.setblocking(False)
        self.answer = bytearray()
        # How much of the answer was searched for cas numbers.
        self.searched = 0
        self.tokens = {}
        self.is_over = False
        self.filter = Filter(self.version) if self.version else None

    def talk(self, sequence):
        """Plays it, step by step: each yield tells until when it waits for bytes, and whether to send some, too."""
        self.connect()
        self.is_framed = sequence.is_framed
        if sequence.setup:
            yield from self.send(b"".join(sequence.setup) + MARK)
            yield from self.wait_for_mark(BRIEFLY)
        # A value that has not ended keeps the mark for itself; cas numbers are worth waiting for.
        patience = BRIEFLY if self.is_framed else 0.15 if TOKEN.search(sequence.stream) else 0.03
        if sequence.mode == "steps":
            for request in sequence.requests:
                if TOKEN.search(request):
                    # The answer to a request of its own that says mn looks like a mark, and comes before it.
                    yield from self.rest(0.02)
                yield from self.send(self.resolved(request) + MARK)
                if not (yield from self.wait_for_mark(patience)):
                    patience = 0.005
            yield from self.send(LAST)
        else:
            pieces = sequence.pieces(self.resolved(sequence.stream) + LAST)
            for piece in pieces:
                yield from self.send(piece)
                if len(pieces) > 1:
                    yield from self.rest(0.0003)
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        while not self.is_over:
            yield from self.more(PATIENCE)

    def taken(self):
        """The whole answer; the connection is over."""
        self.socket.close()
        self.dropped = self.filter.dropped if self.filter else 0
        answer, self.answer = bytes(self.answer), bytearray()
        return answer

    def forget(self):
        """Hangs up, wherever it was."""
        if self.socket:
            self.socket.close()
        self.answer = bytearray()

    def resolved(self, request):
        if b"{cas:" not in request:
            return request
        at = self.answer.find(b"VALUE ", self.searched)
        while at >= 0:
            found = UNIQUE.match(self.answer, at) if at == 0 or self.answer[at - 1] == 10 else None
            if found:
                self.tokens[bytes(found[1])] = bytes(found[2])
            at = self.answer.find(b"VALUE ", at + 6)
        # A line that is not there as a whole is looked at again.
        self.searched = self.answer.rfind(b"\n") + 1
        # Where a line may be taken for a value, all must be of one length.
        width = 0 if self.is_framed else 12
        return TOKEN.sub(lambda m: self.tokens.get(m[1], b"1").zfill(width), request)

    def send(self, data):
        # Answers are taken while sending, or two full pipes would wait for each other.
        if self.filter:
            data = self.filter.passed(data)
        view = memoryview(data)
        while view and not self.is_over:
            try:
                view = view[self.socket.send(view) :]
            except BlockingIOError:
                yield from self.more(PATIENCE, is_sending=True)
            except OSError:
                # It has hung up; what it said before can still be read.
                return

    def rest(self, seconds):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            yield until, False

    def wait_for_mark(self, patience):
        """Whether it comes, with no longer silence before it than that."""
        begun = len(self.answer)
        while not (len(self.answer) > begun and self.answer.endswith(MARKED)):
            held = len(self.answer)
            until = time.monotonic() + patience
            while len(self.answer) == held:
                if self.is_over or time.monotonic() >= until:
                    return False
                yield until, False
        return True

    def more(self, patience, is_sending=False):
        """Waits for a byte, the end, or room to send; Stuck when none comes."""
        held = len(self.answer)
        until = time.monotonic() + patience
        yield until, is_sending
        if time.monotonic() >= until and len(self.answer) == held and not self.is_over:
            raise Stuck(f"port {self.port}, after {bytes(self.answer[-200:])!r}")

    def receive(self):
        """Takes what has come; to be called when something has."""
        try:
            count = self.socket.recv_into(self.room)
        except BlockingIOError:
            return
        except OSError:
            count = 0
        if count == 0:
            self.is_over = True
        self.answer += self.room[:count]


class Custodian:
    """Clears the memcacheds before a sequence and lists what they hold after it, past ringroad."""

    def __init__(self, ports):
        self.wires = [socket.create_connection((LOOPBACK, p), PATIENCE) for p in ports]
        for wire in self.wires:
            wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def end(self):
        for wire in self.wires:
            wire.close()

    def ask_all(self, request, end):
        for wire in self.wires:
            wire.sendall(request)
        answers = []
        for wire in self.wires:
            answer = bytearray()
            while not answer.endswith(end):
                more = wire.recv(262144)
                if not more:
                    raise Stuck("a memcached has gone")
                answer += more
            answers.append(bytes(answer))
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
