"""A relay that alters one byte of an answer now and then, or drips: what the comparison must catch."""

import selectors
import socket
import threading
import time

from servers import LOOPBACK


class Relay:
    """Forwards connections to a port; every `every`-th piece of an answer has one byte changed.

    One that drips changes nothing, but hands answers on so slowly that they have no end.
    """

    def __init__(self, target, every=50, is_dripping=False):
        self.target = target
        self.every = every
        self.is_dripping = is_dripping
        self.pieces = 0
        self.listener = socket.create_server((LOOPBACK, 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            client, _ = self.listener.accept()
            threading.Thread(target=self.carry, args=(client,), daemon=True).start()

    def carry(self, client):
        server = socket.create_connection((LOOPBACK, self.target))
        selector = selectors.DefaultSelector()
        selector.register(client, selectors.EVENT_READ, server)
        selector.register(server, selectors.EVENT_READ, client)
        try:
            while True:
                for key, _ in selector.select():
                    data = key.fileobj.recv(65536)
                    if not data and key.fileobj is server:
                        return
                    if not data:
                        selector.unregister(client)
                        server.shutdown(socket.SHUT_WR)
                        continue
                    if key.fileobj is client:
                        server.sendall(data)
                    elif self.is_dripping:
                        self.drip(data, client)
                    else:
                        client.sendall(self.altered(data))
        except OSError:
            pass
        finally:
            client.close()
            server.close()

    def altered(self, data):
        self.pieces += 1
        if self.pieces % self.every:
            return data
        at = self.pieces % len(data)
        return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]

    def drip(self, data, client):
        for i in range(len(data)):
            client.sendall(data[i : i + 1])
            time.sleep(0.5)

    def end(self):
        self.listener.close()
