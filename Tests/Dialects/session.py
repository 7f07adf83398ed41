"""One client connection of a fake server: bytes go in, answers come out, and the stream goes on where that version's does."""

import classic
import strict
from lines import declared_length, split
from versions import TWEMPROXY_COMMANDS


class Session:
    """Reads requests from a stream of bytes and runs them on the server's items.

    `feed` takes what came and gives what is to be sent; `is_closed` tells that the server hangs up after that.
    """

    def __init__(self, server):
        self.server = server
        self.version = server.version
        self.items = server.items
        self.is_closed = False
        self.is_quiet = False
        # Bytes not run yet; bytes to be thrown away; the length of an awaited value and what takes it.
        self.buffer = bytearray()
        self.to_swallow = 0
        self.value_length = None
        self.take_value = None
        # Answers that wait for the rest of what was read, and those to be sent.
        self.collected = []
        self.shown_items = []
        self.out = bytearray()

    def feed(self, data):
        self.buffer += data
        while not self.is_closed and self.run_next():
            pass
        is_within_value = self.value_length is not None or self.to_swallow
        if not self.is_closed and not (is_within_value and self.version.loses_answers):
            self.send_collected()
        out, self.out = bytes(self.out), bytearray()
        return out

    def run_next(self):
        """Runs the next request, or takes its value: whether there may be more to run."""
        if self.to_swallow:
            count = min(self.to_swallow, len(self.buffer))
            del self.buffer[:count]
            self.to_swallow -= count
            return not self.to_swallow
        if self.value_length is not None:
            if len(self.buffer) < self.value_length:
                return False
            value = bytes(self.buffer[: self.value_length])
            del self.buffer[: self.value_length]
            take, self.take_value, self.value_length = self.take_value, None, None
            take(value)
            return True
        end = self.buffer.find(b"\n")
        if end < 0:
            self.refuse_long_line()
            return False
        line = bytes(self.buffer[: end + 1])
        del self.buffer[: end + 1]
        if not self.version.is_quiet_sticky:
            self.is_quiet = False
        if self.server.lines is not None:
            self.server.lines.append(line)
        if self.server.like == "twemproxy" and not TWEMPROXY_COMMANDS.intersection(line.split()[:1]):
            self.close()
        elif self.version.is_strict:
            strict.run(self, line)
        else:
            classic.run(self, *split(line, self.version.most_words))
        if self.version.swallows_refused and self.value_length is None and not self.to_swallow and not self.is_closed:
            length = declared_length(line)
            if length is not None:
                self.swallow(length)
        return True

    def refuse_long_line(self):
        if len(self.buffer) > self.version.longest_line:
            start = bytes(self.buffer[:120]).lstrip(b" ")
            if len(self.buffer) - len(bytes(self.buffer).lstrip(b" ")) > 100 or not start.startswith((b"get ", b"gets ")):
                self.close()

    # MARK: what commands do to the stream

    def reply(self, line):
        """Answers with a line, unless noreply or q is in force."""
        if self.is_quiet:
            if self.version.is_quiet_sticky:
                self.is_quiet = False
            return
        self.send(line + b"\r\n")

    def refuse(self, line):
        """Answers with a line in any case."""
        self.is_quiet = False
        self.reply(line)

    def send(self, data, items=()):
        """Answers with these bytes, which show the values of these items."""
        if not self.version.collects_answers:
            self.out += data
            return
        self.collected.append(data)
        for item in items:
            item.holders += 1
            self.shown_items.append(item)

    def send_collected(self):
        self.out += b"".join(self.collected)
        self.forget_collected()

    def lose_collected(self):
        """What a refusal does to the answers that wait."""
        if self.version.loses_answers:
            self.forget_collected()

    def forget_collected(self):
        self.collected.clear()
        for item in self.shown_items:
            item.holders -= 1
        self.shown_items.clear()

    def swallow(self, length):
        """The next bytes are a value that nothing is done with."""
        self.to_swallow = length + 2

    def await_value(self, length, take):
        """The next bytes are a value: `take` gets it with its line end."""
        self.value_length, self.take_value = length + 2, take

    def close(self):
        """Hangs up; what was collected is lost."""
        if not self.version.loses_answers:
            self.send_collected()
        self.is_closed = True
        self.forget_collected()

    def quit(self):
        self.send_collected()
        self.is_closed = True
