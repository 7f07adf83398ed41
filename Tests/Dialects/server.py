#!/usr/bin/env python3
"""Runs one fake memcached: python3 Tests/Dialects/server.py --version 1.6.9 --port 21211"""

import argparse
import signal
import sys

from dialects import FakeMemcached
from versions import VERSIONS


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--version", choices=list(VERSIONS), default="1.6.18", help="whose answers it gives")
    parser.add_argument("--port", type=int, required=True, help="on loopback")
    parser.add_argument("--limit", type=int, help="the most connections; the next is told so and closed")
    parser.add_argument("--no-flush", dest="may_flush", action="store_false", help="flush_all is not allowed, as with -F")
    parser.add_argument("--like", choices=["twemproxy", "lookalike"], help="another make of server")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    FakeMemcached(options.version, options.port, options.limit, options.may_flush, options.like).serve()


if __name__ == "__main__":
    main()
