"""What `ringroad top` is shown: a real proxy with real memcacheds, and a false one that says what it likes."""

import http.server
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import urllib.request


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def wait_for(port, seconds=5):
    end = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            assert time.monotonic() < end, f"nothing listens on port {port}"
            time.sleep(0.02)


class Fleet:
    """Memcacheds, a proxy in front of them, and a client that sends requests all the time."""

    def __init__(self, binary, servers=3):
        self.binary = binary
        self.directory = tempfile.mkdtemp(prefix="ringroad-top-")
        self.port, self.admin, *self.servers = free_ports(2 + servers)
        self.memcacheds = {}
        self.proxy = None
        self.is_busy = False
        self.thread = None
        self.file = os.path.join(self.directory, "ringroad.yml")
        self.socket = os.path.join(self.directory, "admin.sock")
        with open(self.file, "w") as file:
            names = ", ".join(f'"127.0.0.1:{port}"' for port in self.servers)
            file.write(f"listen: [127.0.0.1:{self.port}]\nadmin: 127.0.0.1:{self.admin}\nservers: [{names}]\n")
        for port in self.servers:
            self.start_server(port)
        self.start_proxy()

    def start_server(self, port):
        command = ["memcached", "-l", "127.0.0.1", "-p", str(port), "-U", "0", "-m", "16"]
        self.memcacheds[port] = subprocess.Popen(command + (["-u", "root"] if os.getuid() == 0 else []))
        wait_for(port)

    def stop_server(self, port):
        process = self.memcacheds.pop(port)
        process.kill()
        process.wait()

    def start_proxy(self, *flags):
        log = open(os.path.join(self.directory, "log"), "a")
        self.proxy = subprocess.Popen([self.binary, "-f", self.file, *flags], stderr=log, stdout=log)
        if not flags:
            wait_for(self.admin)
        wait_for(self.port)

    def stop_proxy(self, number=signal.SIGTERM):
        self.proxy.send_signal(number)
        self.proxy.wait()

    def ask(self, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.admin}{path}", timeout=5) as response:
            return json.load(response)

    def start_load(self):
        self.is_busy = True
        self.thread = threading.Thread(target=self.load)
        self.thread.start()

    def stop_load(self):
        self.is_busy = False
        if self.thread:
            self.thread.join()
            self.thread = None

    def load(self):
        client, number = None, 0
        while self.is_busy:
            try:
                client = client or socket.create_connection(("127.0.0.1", self.port), 2)
                for _ in range(5):
                    number += 1
                    client.sendall(b"set k%d 0 0 1\r\nx\r\nget k%d\r\nget missing%d\r\n" % (number, number, number))
                    text = b""
                    while text.count(b"\r\n") < 3 or not text.endswith(b"END\r\n") or text.count(b"END\r\n") < 2:
                        more = client.recv(4096)
                        if not more:
                            raise OSError
                        text += more
            except OSError:
                client = None
            time.sleep(0.02)

    def close(self):
        self.stop_load()
        for process in [self.proxy, *self.memcacheds.values()]:
            process.kill()
            process.wait()
        shutil.rmtree(self.directory)


class FalseProxy:
    """An admin interface of a thousand servers, whose names and texts attack the terminal."""

    ATTACKS = ["\x1b[2J", "\x1b]0;owned\x07", "\u009b31m", "\r\n", "\u202e", "漢字", "e\u0301", "\x7f", "\x00"]

    def __init__(self, servers=1000, is_chunked=True, delay=0.0):
        owner = self
        self.asked = 0
        self.requests = 0

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                path = self.path.split("?")[0]
                document = owner.documents().get(path.removeprefix("/api/v1/"))
                time.sleep(delay)
                body = json.dumps(document or {"error": "none"}).encode()
                self.send_response(200 if document else 404)
                if is_chunked:
                    self.send_header("Transfer-Encoding", "chunked")
                    self.end_headers()
                    for start in range(0, len(body), 1000):
                        piece = body[start:start + 1000]
                        self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
                    self.wfile.write(b"0\r\n\r\n")
                else:
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)
                self.close_connection = True

            def log_message(self, *arguments):
                pass

        self.names = [f"server-{i}{self.ATTACKS[i % len(self.ATTACKS)]}:11211" for i in range(servers)]
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def documents(self):
        now = time.time()
        attack = "".join(self.ATTACKS)
        latency = {"p50": 0.0001, "p99": 0.002, "p999": 0.03}
        numbers = {"requests": 10, "hits": 9, "misses": 1, "errors": 0}
        series = {name: [number] * 600 for name, number in {**numbers, **latency}.items()}
        step = int(now)
        return {
            "status": {
                "version": attack, "started": 1.0, "uptime": now - 1, "now": now, "ready": False, "reasons": [attack],
                "attention": [{"level": attack, "text": attack}] * 50, "clients": {"now": 5, "limit": 10},
                "memory": {"in_use": 12345678}},
            "servers": {"servers": [
                {"name": name, "pools": [attack], "state": attack if i % 50 == 0 else "up",
                 "requests": int(now * (i + 1)), "hits": int(now * i), "misses": int(now), "errors": 0,
                 "in_flight": i, "latency": latency,
                 "share": {"ring": 0.001, "ideal": 0.001, "traffic": 0.001 * (i % 3)}}
                for i, name in enumerate(self.names)]},
            "pools": {"pools": [
                {"name": f"pool{i}{attack}", "placement": attack, "servers": self.names, "up": 999, **numbers,
                 "latency": latency} for i in range(3)]},
            "history": {"step": 1.0, "first": step - 599, "last": step, "now": now, "total": series, "pools": {}},
            "events": {"events": [
                {"seq": i, "time": now - i, "level": attack, "text": attack, "fields": {attack: attack}}
                for i in range(100)]},
            "hotkeys": {"keys": [
                {"key": f"user:{i}{attack}", "server": attack, "pool": "main", "share": 0.1} for i in range(20)]},
        }

    def close(self):
        self.server.shutdown()
        self.server.server_close()
