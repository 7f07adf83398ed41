"""Clients of the admin interface that mean harm, beside a load of ordinary clients: the interface answers the next honest
client, takes no more memory and descriptors than before, and the load does not notice."""

import argparse
import contextlib
import random
import re
import socket
import time

from stack import LOOPBACK, Load, Report, Stack, eventually

GET = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
POST = b"POST /api/v1/reload HTTP/1.1\r\nHost: localhost\r\n"

# What is sent, and the statuses that may answer it; 0: the connection is closed without one.
REQUESTS = {
    "an honest request": (GET + b"Connection: close\r\n\r\n", {200}),
    "an absolute target": (b"GET http://127.0.0.1/healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", {200}),
    "an absolute target of a foreign host": (
        b"GET http://evil.example/metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        {421},
    ),
    "a foreign host": (b"GET /metrics HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n", {421}),
    "no host, as a health check has": (b"GET /healthz HTTP/1.0\r\n\r\n", {200}),
    "two hosts": (GET + b"Host: evil.example\r\nConnection: close\r\n\r\n", {400}),
    "two equal hosts": (GET + b"Host: localhost\r\nConnection: close\r\n\r\n", {400}),
    "garbage": (b"\x00\xff\x13garbage\r\n\r\n", {0, 400, 501}),
    "a TLS hello": (bytes.fromhex("16030100c8010000c40303") + b"\x55" * 190, {0, 400, 501}),
    "memcached's protocol": (b"get a\r\n\r\n", {0, 400, 501}),
    "HTTP/0.9": (b"GET /healthz\r\n\r\n", {0, 400}),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", {0, 400, 404, 405, 421, 501, 505}),
    "HTTP/9.9": (b"GET /healthz HTTP/9.9\r\nHost: localhost\r\n\r\n", {0, 200, 400, 505}),
    "no version": (b"GET /healthz HTTP/\r\n\r\n", {0, 400}),
    "a NUL in the line": (b"GET /heal\0thz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", {0, 400, 404}),
    "a NUL in the path": (b"GET /metrics%00 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", {404}),
    "a NUL in a header": (GET + b"X: a\0b\r\nConnection: close\r\n\r\n", {0, 200, 400}),
    "a NUL in the host": (b"GET /healthz HTTP/1.1\r\nHost: localhost\0.evil\r\n\r\n", {0, 200, 400, 421}),
    "an unknown method": (b"BREW /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", {0, 405, 501}),
    "CONNECT": (b"CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", {0, 400, 404, 405, 501}),
    "TRACE": (b"TRACE /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", {0, 405, 501}),
    "OPTIONS of all": (b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", {0, 400, 404, 405}),
    "a path upwards": (b"GET /../../etc/passwd HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", {404}),
    "a long target": (b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", {0, 400, 413, 414, 431}),
    "a long header": (GET + b"X: " + b"a" * 100_000 + b"\r\n\r\n", {0, 400, 413, 431}),
    "many headers": (GET + b"".join(b"X-%d: a\r\n" % i for i in range(5000)) + b"\r\n", {0, 400, 413, 431}),
    "headers without an end": (GET + b"X: a\r\n" * 100_000, {0, 400, 413, 431}),
    "a header without a colon": (GET + b"X\r\n\r\n", {0, 400}),
    "a folded header": (GET + b"X: a\r\n b\r\nConnection: close\r\n\r\n", {0, 200, 400}),
    "a length that is none": (POST + b"Content-Length: x\r\n\r\n", {0, 400, 413}),
    "a negative length": (POST + b"Content-Length: -1\r\n\r\n", {0, 400, 413}),
    "a huge length": (POST + b"Content-Length: 99999999999999999999\r\n\r\n", {0, 400, 413}),
    "a length above the limit": (POST + b"Content-Length: 1000000\r\n\r\n", {0, 400, 413}),
    "two lengths": (POST + b"Content-Length: 1\r\nContent-Length: 5\r\nConnection: close\r\n\r\n12345", {400}),
    "more body than its length": (POST + b"Content-Length: 2\r\nConnection: close\r\n\r\n12345", {0, 400, 403}),
    "a body of a GET": (GET + b"Content-Length: 5\r\n\r\nhello", {400}),
    "a request in the body of a GET": (GET + b"Content-Length: 40\r\n\r\nPOST /api/v1/reload HTTP/1.1\r\nHost: a\r\n\r\n", {400}),
    "chunks of a HEAD": (GET.replace(b"GET", b"HEAD") + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", {400}),
    "a length with a sign": (POST + b"Content-Length: +5\r\n\r\n12345", {0, 400}),
    "length and chunks": (
        POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\n\r\n",
        {400},
    ),
    "a bad chunk": (POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n", {0, 400, 413}),
    "a negative chunk": (POST + b"Transfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n", {0, 400, 413}),
    "a huge chunk": (POST + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nhello\r\n", {0, 400, 413}),
    "chunks above the limit": (
        POST + b"Transfer-Encoding: chunked\r\n\r\n" + b"4000\r\n" + b"a" * 0x4000 + b"\r\n",
        {0, 400, 413},
    ),
    "an unknown coding": (POST + b"Transfer-Encoding: gzip\r\nConnection: close\r\n\r\n", {400, 501}),
    "Expect": (POST + b"Expect: 100-continue\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", {100, 403, 417}),
    "a change without a token": (POST + b"Content-Length: 0\r\nConnection: close\r\n\r\n", {403}),
    "line ends without CR": (b"GET /healthz HTTP/1.1\nHost: localhost\nConnection: close\n\n", {0, 200, 400}),
    "spaces before the colon": (b"GET /healthz HTTP/1.1\r\nHost : localhost\r\nConnection: close\r\n\r\n", {0, 200, 400, 421}),
}


def connect(stack, patience=8):
    return socket.create_connection((LOOPBACK, stack.port), patience)


def statuses(answer):
    return [int(status) for status in re.findall(rb"HTTP/1\.[01] (\d{3}) ", answer)]


def play(stack, request):
    """The first status of what comes back, 0 without one, None if the connection stays open."""
    with connect(stack) as one:
        answer = b""
        try:
            one.sendall(request)
            one.shutdown(socket.SHUT_WR)
            while more := one.recv(65536):
                answer += more
        except TimeoutError:
            return None
        except OSError:
            pass
    found = statuses(answer)
    return found[0] if found else 0


def is_well(stack):
    try:
        return stack.ask("/healthz", patience=3)[0] == 200
    except OSError:
        return False


def malformed(stack, report):
    bad = []
    for words, (request, allowed) in REQUESTS.items():
        status = play(stack, request)
        if status not in allowed:
            bad.append((words, status))
        if not stack.proxy.is_alive:
            report.expect(False, f"the proxy is dead after {words}: {stack.proxy.log[-2000:]}")
            return
    report.expect(not bad, f"{len(REQUESTS)} malformed requests are refused or answered {bad}")
    report.expect(is_well(stack), "an honest client is answered after them")


def damaged(stack, report, seconds):
    """Honest requests with some bytes changed, cut or repeated."""
    dice = random.Random(1)
    seeds = [request for request, _ in REQUESTS.values() if len(request) < 1000]
    end = time.monotonic() + seconds
    count = 0
    while time.monotonic() < end:
        request = bytearray(dice.choice(seeds))
        for _ in range(dice.randrange(1, 6)):
            at = dice.randrange(len(request) + 1)
            kind = dice.randrange(3)
            if kind == 0:
                request[at : at + 1] = bytes([dice.randrange(256)])
            elif kind == 1:
                del request[at : at + dice.randrange(9)]
            else:
                request[at:at] = request[: dice.randrange(30)]
        with contextlib.suppress(OSError), connect(stack, 0.02) as one:
            one.sendall(request)
            one.recv(1000)
        count += 1
    report.expect(stack.proxy.is_alive and is_well(stack), f"an honest client is answered after {count} damaged requests")


def desynchronised(stack, report):
    """Whatever follows a request that does not end clearly is no request of its own."""
    bad = []
    for words in ("a body of a GET", "a request in the body of a GET", "two lengths", "length and chunks", "an unknown coding"):
        request = REQUESTS[words][0].replace(b"Connection: close\r\n", b"")
        with connect(stack) as one:
            answer = b""
            with contextlib.suppress(OSError):
                one.sendall(request + GET + b"\r\n")
                while more := one.recv(65536):
                    answer += more
        if statuses(answer) != [400]:
            bad.append((words, statuses(answer)))
    report.expect(not bad, f"the connection is closed after a request that does not end clearly {bad}")


def pipelined(stack, report):
    with connect(stack) as one:
        one.sendall((GET + b"\r\n") * 99 + GET + b"Connection: close\r\n\r\n")
        answer = b""
        while more := one.recv(65536):
            answer += more
    report.expect(statuses(answer) == [200] * 100, "a hundred requests at once are answered in order")
    head = GET.replace(b"GET", b"HEAD")
    with connect(stack) as one:
        one.sendall(head + b"\r\n" + head + b"Connection: close\r\n\r\n")
        answer = b""
        while more := one.recv(65536):
            answer += more
    parts = answer.split(b"\r\n\r\n")
    report.expect(
        len(parts) == 3 and not parts[2] and all(b"Content-Length: 3" in part for part in parts[:2]),
        "HEAD has the length of the body, and no body",
    )


def slow(stack, report):
    """One byte a second, in every place of the interface: an honest client still gets its turn."""
    every = []
    with contextlib.ExitStack() as many:
        for _ in range(40):
            one = many.enter_context(connect(stack))
            every.append(one)
        begin = time.monotonic()
        request = GET + b"X: " + b"a" * 100
        worst, answered = 0.0, 0
        while time.monotonic() - begin < 14:
            for one in every:
                with contextlib.suppress(OSError):
                    at = int(time.monotonic() - begin)
                    one.sendall(request[at : at + 1])
            asked = time.monotonic()
            if is_well(stack):
                answered += 1
            worst = max(worst, time.monotonic() - asked)
            time.sleep(1)
        closed = 0
        for one in every:
            one.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                try:
                    closed += one.recv(1) == b""
                except ConnectionError:
                    closed += 1
    report.expect(closed == len(every), f"{closed} of {len(every)} slow clients were closed")
    report.expect(answered >= 3, f"honest clients were answered {answered} times meanwhile, after {worst:.1f} s at most")


def unread(stack, report):
    """Clients that ask for much, and read nothing."""
    with contextlib.ExitStack() as every:
        for _ in range(30):
            one = every.enter_context(socket.socket())
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            one.connect((LOOPBACK, stack.port))
            with contextlib.suppress(OSError):
                one.settimeout(1)
                one.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" * 200)
        time.sleep(1)
        most = stack.proxy.rss()
        back = eventually(30, lambda: is_well(stack), 0.5)
        report.expect(back is not None, f"after clients that read nothing an honest one waits {back or 0:.1f} s")
    report.expect(most < 200 << 20, f"they cost {most >> 20} MiB at most")


def streams(stack, report):
    """More streams of events than there may be, and some that leave at once."""
    request = b"GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n"
    with contextlib.ExitStack() as every:
        found = []
        for _ in range(12):
            one = every.enter_context(connect(stack))
            one.sendall(request)
            found += statuses(one.recv(4096))
        report.expect(sorted(set(found)) == [200, 503] and found.count(200) == 8, f"8 streams of 12 {found}")
        report.expect(is_well(stack), "an honest client is answered beside them")
    head = request.replace(b"GET", b"HEAD").replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    time.sleep(5)
    report.expect(play(stack, head) == 200, "HEAD of a stream is answered, and ends")
    with connect(stack) as one:
        one.sendall(request)
        report.expect(b"200" in one.recv(4096), "their places are free again")


def crowd(stack, report):
    """Two hundred connections at once, some that ask and some that do not."""
    with contextlib.ExitStack() as every:
        for i in range(200):
            one = socket.socket()
            every.enter_context(one)
            one.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                one.connect((LOOPBACK, stack.port))
            if i % 3 == 0:
                time.sleep(0.01)
                with contextlib.suppress(OSError):
                    one.send(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
        time.sleep(2)
        files = stack.proxy.files()
        report.expect(files < 150, f"{files} descriptors with 200 connections")
    waited = eventually(15, lambda: is_well(stack), 0.1)
    report.expect(waited is not None, f"a fresh client waits {waited or 0:.1f} s after they have left")


def churn(stack, rounds):
    """Connections that come, ask and go."""
    for i in range(rounds):
        with contextlib.suppress(OSError), connect(stack) as one:
            one.sendall((b"GET /metrics", b"GET /", b"HEAD /x", b"GET /api/v1/status", b"POST /")[i % 5] + b" HTTP/1.1\r\nHost: localhost\r\n\r\n")
            if i % 2:
                one.recv(1000)


def leaks(stack, report):
    churn(stack, 500)
    time.sleep(1)
    before, files = stack.proxy.rss(), stack.proxy.files()
    churn(stack, 4000)
    eventually(12, lambda: stack.proxy.files() <= files, 0.2)
    time.sleep(1)
    after = stack.proxy.rss()
    report.expect(after - before < 3 << 20, f"4000 connections cost {(after - before) >> 10} KiB that stay")
    report.expect(stack.proxy.files() <= files, f"{stack.proxy.files()} descriptors, before {files}")


def shortly():
    """What needs no time and no load."""
    report = Report()
    with Stack() as stack:
        for attack in (malformed, desynchronised, pipelined, streams):
            attack(stack, report)
    report.end()


def main():
    flags = argparse.ArgumentParser(description=__doc__)
    flags.add_argument("--short", action="store_true", help="only malformed requests, in seconds")
    if flags.parse_args().short:
        return shortly()
    report = Report()
    with Stack() as stack:
        time.sleep(1)
        loads = [Load(stack, 500) for _ in range(3)]
        time.sleep(3)
        stack.text("/")
        time.sleep(1)
        files, memory = stack.proxy.files(), stack.proxy.rss()
        quiet = time.monotonic()
        time.sleep(5)
        begin = time.monotonic()
        for attack in (malformed, desynchronised, pipelined, streams, crowd, slow, unread):
            attack(stack, report)
        damaged(stack, report, 10)
        leaks(stack, report)
        end = time.monotonic()
        for load in loads:
            load.end()
        for share, factor, most in ((0.5, 2, 0.002), (0.99, 4, 0.02)):
            calm = max(load.percentile(share, quiet, begin) for load in loads)
            harmed = max(load.percentile(share, begin, end) for load in loads)
            report.expect(
                harmed < max(calm * factor, most),
                f"p{share * 100:.0f} of ordinary clients: {calm * 1000:.2f} ms, then {harmed * 1000:.2f} ms",
            )
        back = eventually(15, lambda: stack.proxy.files() <= files, 0.2)
        report.expect(back is not None, f"{stack.proxy.files()} descriptors, {files} before")
        grown = stack.proxy.rss() - memory
        report.expect(grown < 24 << 20, f"{grown >> 10} KiB more than before")
        report.expect("rror" not in stack.proxy.log, "nothing of it is in the log as an error")
    report.end()


if __name__ == "__main__":
    main()
