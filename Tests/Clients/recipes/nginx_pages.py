"""nginx that takes pages from the cache, and from the application when they are not there.

    nginx_pages.py PORT

The application answers each page with "no page", and stores pages in the cache when it is told `set`.
"""

import http.client
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from pymemcache.client.base import Client
from python_clients import play
from servers import LOOPBACK, end_with_parent, free_port

FOLDER = os.path.dirname(os.path.abspath(__file__))


class Application(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "7")
        self.end_headers()
        self.wfile.write(b"no page")

    def log_message(self, *_):
        pass


def start():
    """The port that nginx listens on."""
    application = ThreadingHTTPServer((LOOPBACK, 0), Application)
    threading.Thread(target=application.serve_forever, daemon=True).start()
    path, port = os.path.join(FOLDER, "nginx.conf"), free_port()
    with open(path) as file:
        text = file.read().replace(":8080", f":{application.server_port}").replace(":8000", f":{port}")
    with open(path, "w") as file:
        file.write(text)
    subprocess.Popen(["nginx", "-p", FOLDER, "-c", path], preexec_fn=end_with_parent)
    return port


class Pages:
    def __init__(self):
        self.cache = Client((LOOPBACK, int(sys.argv[1])), connect_timeout=1, timeout=2, default_noreply=False)
        self.port = start()

    def get(self, key):
        nginx = http.client.HTTPConnection(LOOPBACK, self.port, timeout=5)
        nginx.request("GET", f"/{key}")
        reply = nginx.getresponse()
        page = reply.read()
        nginx.close()
        if reply.status != 200:
            raise RuntimeError(f"status {reply.status}")
        return None if page == b"no page" else page

    def set(self, key, value):
        return self.cache.set(f"page:/{key}", value)

    def delete(self, key):
        return self.cache.delete(f"page:/{key}")


play(Pages())
