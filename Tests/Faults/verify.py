"""What the servers hold when all is over: read past the proxy, then written and read once more through it."""

import socket
import time

LOOPBACK = "127.0.0.1"


class Wire:
    """A plain blocking client."""

    def __init__(self, port, patience=5):
        self.socket = socket.create_connection((LOOPBACK, port), patience)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.socket.makefile("rb")

    def get(self, keys):
        """By key: (flags, value)."""
        self.socket.sendall(b"get " + b" ".join(keys) + b"\r\n")
        found = {}
        while True:
            line = self.file.readline()
            if not line.startswith(b"VALUE "):
                return found if line == b"END\r\n" else None
            _, key, flags, size = line.split()
            found[key] = (int(flags), self.file.read(int(size)))
            self.file.read(2)

    def ask(self, request):
        self.socket.sendall(request)
        return self.file.readline()

    def close(self):
        self.file.close()
        self.socket.close()


def verify_all(crew, spec):
    direct = [Wire(port) for port in spec["servers"]]
    keys = [(client, key) for client in crew.clients for key in client.keys]
    read_directly(crew, direct, keys, spec["ejects"])
    proxy = Wire(crew.spec["port"])
    for client, key in keys:
        rewrite(crew, client, key, proxy)
    read_again(proxy, keys, "through the proxy")
    if not spec["ejects"]:
        read_directly_again(direct, keys)
    for wire in (proxy, *direct):
        wire.close()


def read_directly(crew, direct, keys, ejects):
    for i, wire in enumerate(direct):
        mine = [(client, key) for client, key in keys if key.owner == i]
        for start in range(0, len(mine), 50):
            part = mine[start : start + 50]
            found = wire.get([key.name for _, key in part])
            for client, key in part:
                if key.name not in found:
                    if not key.may_be_missing() and not crew.forgetful[i]:
                        client.violate("lost_ack", f"{key.name}, version {key.known}, is not on its server")
                    continue
                flags, data = found[key.name]
                bad = key.judge(data, key.tried) if flags == key.flags else "mismatch"
                if bad == "zombie":
                    crew.zombies += 1
                elif bad and not (ejects and bad == "stale"):
                    client.violate(
                        "lost_ack" if bad == "stale" else bad,
                        f"{key.name} on its server: {data[:60]!r}, known {key.known}",
                    )


def rewrite(crew, client, key, proxy):
    """Stores a new version, which must be taken within some seconds."""
    hides = crew.spec["hides_failed_writes"]
    deadline = time.monotonic() + 8
    while True:
        version = key.next_version()
        value = key.value(version)
        said = proxy.ask(b"set %s %d 0 %d\r\n%s\r\n" % (key.name, key.flags, len(value), value))
        if said == b"STORED\r\n":
            key.known, key.is_absent, key.doubts = version, False, {}
            return
        failed = said.startswith(b"SERVER_ERROR ") or (said == b"NOT_STORED\r\n" and hides)
        if not failed or time.monotonic() > deadline:
            client.violate(
                "hang" if failed else "desync",
                f"at the end a set of {key.name} is told {said!r}",
            )
            return
        time.sleep(0.1)


def read_again(wire, keys, where):
    for start in range(0, len(keys), 50):
        part = keys[start : start + 50]
        found = wire.get([key.name for _, key in part])
        check(part, found, where)


def read_directly_again(direct, keys):
    for i, wire in enumerate(direct):
        mine = [(client, key) for client, key in keys if key.owner == i]
        for start in range(0, len(mine), 50):
            part = mine[start : start + 50]
            check(part, wire.get([key.name for _, key in part]), "on its server")


def check(part, found, where):
    for client, key in part:
        if found is None or key.name not in found:
            client.violate("lost_ack", f"{key.name}, just stored, is not {where}")
        elif found[key.name] != (key.flags, key.value(key.known)):
            client.violate("lost_ack", f"{key.name}, just stored, is {found[key.name][1][:60]!r} {where}")
