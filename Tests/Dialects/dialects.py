"""A fake memcached of a recorded version, in this process or one of its own: it keeps items and answers as that version does.

Of a real one it lacks memory limits, threads, the binary protocol and UDP.
"""

import os
import selectors
import socket
import threading

from items import Items
from session import Session
from versions import LOOKALIKE, TWEMPROXY, VERSIONS

LOOPBACK = "127.0.0.1"
FULL = b"ERROR Too many open connections\r\n"


class FakeMemcached:
    """A server on a loopback port, with a thread of its own between `begin` and `end`.

    `like` is None, "twemproxy" or "lookalike"; `limit` is the most connections that it serves at once. With
    `keeps_lines`, `lines` has every request line that was run: the body of a value must never be among them.
    """

    def __init__(self, version="1.6.18", port=0, limit=None, may_flush=True, like=None, keeps_lines=False):
        self.version = {"twemproxy": TWEMPROXY, "lookalike": LOOKALIKE}.get(like) or VERSIONS[version]
        self.like, self.limit, self.may_flush = like, limit, may_flush
        self.items = Items(self.version)
        self.started_at = self.items.now
        self.pid = os.getpid()
        self.lines = [] if keeps_lines else None
        self.sessions = {}
        self.total_connections = self.rejected_connections = self.bytes_read = self.bytes_written = 0
        self.listener = socket.create_server((LOOPBACK, port), backlog=128)
        self.listener.setblocking(False)
        self.port = self.listener.getsockname()[1]
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.listener, selectors.EVENT_READ)
        self.stopper, self.stopped = socket.socketpair()
        self.selector.register(self.stopped, selectors.EVENT_READ)
        self.is_over = False
        self.thread = None

    @property
    def open_connections(self):
        return len(self.sessions)

    # MARK: life

    def begin(self):
        """Serves in a thread; gives itself back."""
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()
        return self

    def end(self):
        self.is_over = True
        self.stopper.send(b"x")
        if self.thread:
            self.thread.join()

    def __enter__(self):
        return self.begin()

    def __exit__(self, *_):
        self.end()

    def crash(self):
        """What some requests do to 1.5.22: the process ends."""
        self.is_over = True

    def serve(self):
        """Serves until it is ended."""
        while not self.is_over:
            for key, events in self.selector.select():
                if key.fileobj is self.listener:
                    self.accept()
                elif key.fileobj is not self.stopped:
                    self.attend(key.fileobj, events)
        for connection in list(self.sessions):
            self.drop(connection)
        self.listener.close()
        self.selector.close()

    # MARK: connections

    def accept(self):
        try:
            connection, _ = self.listener.accept()
        except OSError:
            return
        self.total_connections += 1
        if self.limit is not None and len(self.sessions) >= self.limit:
            self.rejected_connections += 1
            connection.send(FULL)
            connection.close()
            return
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sessions[connection] = (Session(self), bytearray())
        self.selector.register(connection, selectors.EVENT_READ)

    def attend(self, connection, events):
        session, waiting = self.sessions[connection]
        if events & selectors.EVENT_READ:
            try:
                data = connection.recv(65536)
            except BlockingIOError:
                data = None
            except OSError:
                data = b""
            if data == b"":
                self.drop(connection)
                return
            if data:
                self.bytes_read += len(data)
                waiting += session.feed(data)
        self.send(connection, session, waiting)

    def send(self, connection, session, waiting):
        try:
            count = connection.send(waiting) if waiting else 0
        except BlockingIOError:
            count = 0
        except OSError:
            self.drop(connection)
            return
        self.bytes_written += count
        del waiting[:count]
        if session.is_closed and not waiting:
            self.drop(connection)
        elif not self.is_over:
            # A client that does not take its answers is not read from.
            event = selectors.EVENT_WRITE if waiting else selectors.EVENT_READ
            self.selector.modify(connection, event)

    def drop(self, connection):
        self.selector.unregister(connection)
        self.sessions.pop(connection, None)
        connection.close()
