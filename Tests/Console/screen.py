"""A terminal as far as `ringroad top` uses one. Any other sequence or control character is an error: nothing that a
server, a file or a key says may reach a terminal as more than text."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time

SEQUENCE = re.compile(rb"\x1b\[(\??)([0-9;]*)([A-Za-z])")


class Screen:
    def __init__(self, columns, rows):
        self.row = self.column = 0
        self.modes = {"1049": False, "25": True, "7": True}
        self.colours = False  # whether a colour was ever set
        self.resize(columns, rows)

    def resize(self, columns, rows):
        self.columns, self.rows = columns, rows
        self.cells = [[" "] * columns for _ in range(rows)]

    def feed(self, data):
        """Takes bytes; returns those of a sequence or character that is not whole."""
        while data:
            if data[0] == 0x1B:
                match = SEQUENCE.match(data)
                if not match:
                    assert len(data) < 16, f"unknown sequence {data[:20]!r}"
                    return data
                self.sequence(*(part.decode() for part in match.groups()))
                data = data[match.end():]
                continue
            size = 1 if data[0] < 0x80 else 2 if data[0] < 0xE0 else 3 if data[0] < 0xF0 else 4
            if len(data) < size:
                return data
            character = data[:size].decode()
            assert character.isprintable(), f"control character {character!r}"
            # Lines may not wrap, and none may be longer than the terminal.
            if self.row < self.rows and self.column < self.columns:
                self.cells[self.row][self.column] = character
            self.column += 1
            data = data[size:]
        return b""

    def sequence(self, private, parameters, last):
        if private:
            assert parameters in self.modes and last in "hl", (parameters, last)
            self.modes[parameters] = last == "h"
        elif last == "H":
            self.row, self.column = (int(number) - 1 for number in parameters.split(";"))
        elif last == "K":
            self.erase(self.row, self.column)
        elif last == "J":
            self.erase(self.row, 0 if parameters == "2" else self.column)
            for row in range(0 if parameters == "2" else self.row + 1, self.rows):
                self.erase(row, 0)
        else:
            assert last == "m", (parameters, last)
            self.colours |= any(30 <= int(number or 0) <= 47 for number in parameters.split(";"))

    def erase(self, row, column):
        if row < self.rows:
            self.cells[row][column:] = [" "] * (self.columns - min(column, self.columns))

    @property
    def lines(self):
        return ["".join(row).rstrip() for row in self.cells]

    @property
    def text(self):
        return "\n".join(self.lines)


class Session:
    """A program in a pseudo-terminal."""

    def __init__(self, command, columns=80, rows=24, **environment):
        self.screen = Screen(columns, rows)
        self.rest = b""
        self.output = b""
        environment = {"TERM": "xterm-256color", "LANG": "C.UTF-8", "PATH": os.environ["PATH"], **environment}
        self.master, slave = pty.openpty()
        self.slave = slave
        self.set_size(columns, rows)
        self.before = termios.tcgetattr(slave)
        self.start = time.monotonic()
        self.pid = os.fork()
        if self.pid == 0:
            os.setsid()
            fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
            for number in range(3):
                os.dup2(slave, number)
            os.closerange(3, 256)
            os.execve(command[0], command, environment)
        self.code = None

    def set_size(self, columns, rows):
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def resize(self, columns, rows):
        self.read(0.05)
        self.screen.resize(columns, rows)
        self.set_size(columns, rows)
        os.kill(self.pid, signal.SIGWINCH)

    def read(self, seconds):
        """Reads what arrives within some seconds."""
        end = time.monotonic() + seconds
        while True:
            ready, _, _ = select.select([self.master], [], [], max(0, end - time.monotonic()))
            if not ready:
                return
            data = os.read(self.master, 65536)
            self.output += data
            self.rest = self.screen.feed(self.rest + data)

    def wait(self, condition, seconds, what):
        """Waits until a condition of the screen's text is true; returns after how long."""
        start = time.monotonic()
        while not condition(self.screen.text):
            assert time.monotonic() - start < seconds, f"{what}: not within {seconds} s:\n{self.screen.text}"
            self.read(0.02)
        return time.monotonic() - start

    def press(self, keys):
        os.write(self.master, keys.encode())

    def end(self, seconds=2.0):
        """Waits until the program has ended; checks that the terminal is as before. Returns exit code or signal."""
        start = time.monotonic()
        while True:
            self.read(0.02)
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                break
            if time.monotonic() - start > seconds:
                os.kill(self.pid, signal.SIGKILL)
                os.waitpid(self.pid, 0)
                raise AssertionError(f"no end after {seconds} s:\n{self.screen.text}")
        self.read(0)
        self.check_restored()
        os.close(self.master)
        os.close(self.slave)
        return os.waitstatus_to_exitcode(status)

    def check_restored(self):
        assert self.screen.modes == {"1049": False, "25": True, "7": True}, self.screen.modes
        assert termios.tcgetattr(self.slave) == self.before, "the terminal's mode is not restored"
