"""Runs `ringroad top` in a pseudo-terminal, and `ringroad health`, with a real proxy and real memcacheds.

    python3 Tests/Console/top.py --binary .build/release/ringroad [--only WORD] [--show]
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import termios
import time
import traceback

from proxies import FalseProxy, Fleet, free_ports
from screen import Session


class Tests:
    def __init__(self, binary, is_shown):
        self.binary = binary
        self.is_shown = is_shown
        self.fleet = Fleet(binary)
        self.fleet.start_load()
        self.address = f"127.0.0.1:{self.fleet.admin}"
        self.names = [f"127.0.0.1:{port}" for port in self.fleet.servers]

    def top(self, *flags, address=None, **options):
        return Session([self.binary, "top", *flags, address or self.address], **options)

    def run(self, *words, **environment):
        """Runs a command without a terminal; returns its code and its output."""
        environment = {"LANG": "C.UTF-8", "PATH": os.environ["PATH"], **environment}
        result = subprocess.run(
            [self.binary, *words], env=environment, stdin=subprocess.DEVNULL, capture_output=True, timeout=20)
        return result.returncode, result.stdout.decode(), result.stderr.decode()

    def show(self, session):
        if self.is_shown:
            print(session.screen.text)

    def quit(self, session):
        self.show(session)
        session.press("q")
        assert session.end(0.5) == 0

    def rows(self, session):
        """The servers in the order of the screen."""
        return [name for line in session.screen.lines for name in self.names if line.startswith(f" {name} ")]

    # In a terminal.

    def test_first_frame_has_everything(self):
        session = self.top()
        seconds = session.wait(lambda text: all(name in text for name in self.names), 2, "the first frame")
        assert session.screen.modes == {"1049": True, "25": False, "7": False}
        assert session.screen.lines[0].startswith(" ringroad ") and session.screen.lines[0].endswith(" ready")
        session.wait(lambda text: "hits" in text and "events" in text and "serving" in text, 2, "the panels")
        # Rates of the servers need a second look.
        session.wait(lambda text: "66." in text or "50." in text, 4, "rates and hits")
        print(f"  (first frame after {seconds * 1000:.0f} ms)")
        self.quit(session)

    def test_frames_fit_after_a_resize(self):
        session = self.top()
        session.wait(lambda text: self.names[0] in text, 2, "the first frame")
        for columns, rows in [(40, 10), (120, 40), (20, 5), (1, 1), (60, 15), (80, 24)]:
            session.resize(columns, rows)
            expected = "" if columns < 20 else "quit"
            session.wait(lambda text: text.split("\n")[rows - 1].endswith(expected), 1, f"{columns}x{rows}")
            session.read(0.1)
            if rows >= 10:
                assert len(self.rows(session)) == 3, session.screen.text
            self.show(session)
        self.quit(session)

    def test_keys_sort_the_servers(self):
        session = self.top()
        session.wait(lambda text: self.names[0] in text, 2, "the first frame")
        for order in [sorted(self.names), sorted(self.names, reverse=True)]:
            session.press("n")
            session.wait(lambda text: self.rows(session) == order, 1, "sorted by name")
        for key, mark in {"r": "▾req/s", "h": "▾hits", "e": "▾err/s", "i": "▾infl", "s": "▾share", "t": "state▾"}.items():
            session.press(key)
            session.wait(lambda text: mark in text, 1, mark)
        session.press("t")
        session.wait(lambda text: "state▴" in text, 1, "reversed")
        # What is no key changes nothing.
        session.press("\x1b[Z\x1b[<1;1Mzü\x00")
        session.read(0.2)
        self.quit(session)

    def test_every_end_restores_the_terminal(self):
        for how in ["q", "\x03", "\x1c", signal.SIGTERM, signal.SIGINT, signal.SIGHUP]:
            session = self.top()
            session.wait(lambda text: self.names[0] in text, 2, "the first frame")
            if isinstance(how, str):
                session.press(how)
            else:
                os.kill(session.pid, how)
            assert session.end(0.5) == 0, how
            assert session.output.endswith(b"\x1b[?25h\x1b[?1049l"), session.output[-60:]

    def test_ctrl_z_gives_the_terminal_back(self):
        session = self.top()
        session.wait(lambda text: self.names[0] in text, 2, "the first frame")
        session.press("\x1a")
        session.read(0.3)
        _, status = os.waitpid(session.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status)
        session.check_restored()
        os.kill(session.pid, signal.SIGCONT)
        session.wait(lambda text: session.screen.modes["1049"], 2, "the screen again")
        session.press("\x1a")
        session.read(0.3)
        # In the terminal of another program it changes nothing when it ends.
        os.kill(session.pid, signal.SIGTERM)
        os.kill(session.pid, signal.SIGCONT)
        assert session.end(0.5) == 0

    def test_stop_from_outside_is_survived(self):
        session = self.top()
        session.wait(lambda text: self.names[0] in text, 2, "the first frame")
        os.kill(session.pid, signal.SIGSTOP)
        # As a shell does when its program has stopped.
        termios.tcsetattr(session.slave, termios.TCSANOW, session.before)
        os.kill(session.pid, signal.SIGCONT)
        session.read(0.3)
        assert termios.tcgetattr(session.slave) != session.before
        os.kill(session.pid, signal.SIGSTOP)
        os.kill(session.pid, signal.SIGTERM)
        os.kill(session.pid, signal.SIGCONT)
        assert session.end(0.5) == 0

    def test_end_of_the_terminal_ends_it(self):
        session = self.top()
        session.wait(lambda text: self.names[0] in text, 2, "the first frame")
        os.close(session.slave)
        os.close(session.master)
        deadline = time.monotonic() + 2
        while os.waitpid(session.pid, os.WNOHANG)[0] == 0:
            assert time.monotonic() < deadline, "it runs on without a terminal"
            time.sleep(0.02)

    def test_values_stay_while_the_proxy_is_stopped(self):
        session = self.top()
        session.wait(lambda text: self.names[0] in text, 2, "the first frame")
        self.fleet.stop_proxy()
        session.wait(lambda text: "NO ANSWER" in text, 3, "no answer")
        session.wait(lambda text: "values are old: Connection refused" in text, 3, "the reason")
        assert len(self.rows(session)) == 3, session.screen.text
        session.press("n")
        session.wait(lambda text: self.rows(session) == sorted(self.names), 1, "keys while there is no answer")
        self.show(session)
        self.fleet.start_proxy()
        session.wait(lambda text: " ready" in text.split("\n")[0], 3, "the proxy again")
        assert "NO ANSWER" not in session.screen.text and "up 0s" in session.screen.text.replace("up 1s", "up 0s")
        self.quit(session)

    def test_proxy_that_hangs_does_not_stop_the_keys(self):
        session = self.top("--interval", "200ms")
        session.wait(lambda text: self.names[0] in text, 2, "the first frame")
        self.fleet.proxy.send_signal(signal.SIGSTOP)
        try:
            session.read(0.5)
            session.press("n")
            session.wait(lambda text: self.rows(session) == sorted(self.names), 0.5, "a key while it hangs")
            session.wait(lambda text: "values are old: timed out" in text, 4, "the reason")
            session.press("q")
            assert session.end(0.5) == 0
        finally:
            self.fleet.proxy.send_signal(signal.SIGCONT)

    def test_top_starts_before_the_proxy(self):
        port = free_ports(1)[0]
        session = self.top(address=f"127.0.0.1:{port}")
        session.wait(lambda text: "waiting" in text and "Connection refused" in text, 2, "waiting")
        self.quit(session)

    def test_servers_that_are_out_are_named(self):
        port = self.fleet.servers[1]
        session = self.top()
        session.wait(lambda text: self.names[0] in text, 2, "the first frame")
        self.fleet.stop_server(port)
        name = f"127.0.0.1:{port}"
        session.wait(
            lambda text: "warning" in text and any(
                line.startswith(f" {name}") and ("EJECTED" in line or "DOWN" in line) for line in text.split("\n")),
            5, "the server's state")
        assert self.rows(session)[0] == name, session.screen.text
        self.show(session)
        self.fleet.start_server(port)
        session.wait(lambda text: "EJECTED" not in text and "DOWN" not in text, 8, "its return")
        self.quit(session)

    def test_terminals_without_colours_or_letters(self):
        for environment, has_colours, is_ascii in [
            ({}, True, False), ({"NO_COLOR": "1"}, False, False), ({"TERM": "vt100", "LANG": "C"}, False, True),
            ({"LC_ALL": "C"}, True, True),
        ]:
            session = self.top(**environment)
            session.wait(lambda text: self.names[0] in text, 2, "the first frame")
            assert session.screen.colours == has_colours, environment
            assert session.screen.text.isascii() == is_ascii, environment
            self.show(session)
            self.quit(session)
        session = self.top(TERM="dumb")
        session.screen.feed = lambda data: b""  # it has lines, and no frames
        assert session.end(5) == 0 and b"\x1b" not in session.output and self.names[0].encode() in session.output

    def test_hostile_names_do_nothing(self):
        for is_chunked in [True, False]:
            false = FalseProxy(is_chunked=is_chunked)
            session = self.top(address=f"127.0.0.1:{false.port}", columns=120, rows=40)
            seconds = session.wait(lambda text: "server-0" in text and "/1000" in text, 2, "a thousand servers")
            for keys in ["\x1b[6~", "\x1b[F", "\x1b[H", "r", "n", "\x1b[B"]:
                session.press(keys)
                session.read(0.3)
            session.wait(lambda text: "hot keys" in text and "user:0" in text, 2, "hot keys")
            print(f"  (a thousand servers after {seconds * 1000:.0f} ms)")
            self.quit(session)
            code, output, errors = self.run("top", "--once", f"127.0.0.1:{false.port}")
            assert code == 0 and errors == "" and output.count("server-") == 1000
            assert all(character.isprintable() or character == "\n" for character in output)
            code, output, _ = self.run("top", "--json", f"127.0.0.1:{false.port}")
            assert code == 0 and output.isascii() and output.count("\n") == 1
            assert [server["name"] for server in json.loads(output)["servers"]] == false.names
            false.close()

    # Without a terminal.

    def test_once_is_plain_text(self):
        for flags, environment in [(["--once"], {}), ([], {}), (["--once"], {"LANG": "C"})]:
            code, output, errors = self.run("top", *flags, self.address, **environment)
            assert (code, errors) == (0, ""), errors
            assert "\x1b" not in output and all(len(line) <= 100 for line in output.split("\n"))
            assert all(f" {name} " in output for name in self.names) and " ready" in output
            assert output.isascii() == ("LANG" in environment)
        if self.is_shown:
            print(output)

    def test_json_has_the_numbers_of_the_interface(self):
        self.fleet.stop_load()
        time.sleep(0.5)
        code, output, _ = self.run("top", "--json", self.address)
        document = json.loads(output)
        assert code == 0 and set(document) == {"status", "pools", "servers"}
        assert document["pools"] == self.fleet.ask("/api/v1/pools")["pools"]
        moving = {"latency", "share"}
        for mine, own in zip(document["servers"], self.fleet.ask("/api/v1/servers")["servers"], strict=True):
            assert {key: mine[key] for key in mine.keys() - moving} == {key: own[key] for key in own.keys() - moving}
        status = self.fleet.ask("/api/v1/status")
        for key in ["version", "pid", "started", "ready", "listeners", "config", "reloads"]:
            assert document["status"][key] == status[key], key
        assert sum(server["requests"] for server in document["servers"]) > 100
        self.fleet.start_load()

    def test_no_proxy_is_one_line_on_stderr(self):
        port = free_ports(1)[0]
        for flag in ["--once", "--json"]:
            code, output, errors = self.run("top", flag, f"127.0.0.1:{port}")
            assert (code, output) == (1, "") and errors == f"ringroad: 127.0.0.1:{port}: Connection refused\n", errors
        # A memcached is no HTTP server.
        code, output, errors = self.run("top", "--json", self.names[0])
        assert code == 1 and errors.count("\n") == 1, errors

    def test_health_is_an_exit_code(self):
        assert self.run("health", self.address) == (0, "ok\n", "")
        assert self.run("health", "--ready", self.address) == (0, "ready\n", "")
        assert self.run("health", "--ready", "-f", self.fleet.file) == (0, "ready\n", "")
        assert self.run("health", "a", "b")[0] == 2
        assert self.run("health", "-f", "/nonexistent.yml")[0] == 2
        port = free_ports(1)[0]
        assert self.run("health", f"127.0.0.1:{port}") == (1, "", f"ringroad: 127.0.0.1:{port}: Connection refused\n")
        assert self.run("health", f"unix:{self.fleet.socket}")[0] == 1
        self.fleet.proxy.send_signal(signal.SIGSTOP)
        try:
            start = time.monotonic()
            code, _, errors = self.run("health", "--timeout", "300ms", self.address)
            assert code == 1 and "timed out" in errors and time.monotonic() - start < 1.5, errors
        finally:
            self.fleet.proxy.send_signal(signal.SIGCONT)

    def test_health_says_why_the_proxy_is_not_ready(self):
        for port in list(self.fleet.servers):
            self.fleet.stop_server(port)
        end = time.monotonic() + 10
        while True:
            code, output, errors = self.run("health", "--ready", self.address)
            if code == 1:
                break
            assert time.monotonic() < end, output
            time.sleep(0.1)
        assert "pool main: 0 of 3 servers up" in output and errors == "", (output, errors)
        assert self.run("health", self.address)[0] == 0
        session = self.top()
        session.wait(lambda text: "NOT READY" in text and "pool main: 0 of 3" in text, 3, "not ready")
        self.show(session)
        self.quit(session)
        for port in self.fleet.servers:
            self.fleet.start_server(port)

    def test_unix_socket_is_asked_too(self):
        self.fleet.stop_proxy()
        self.fleet.start_proxy("--admin", f"unix:{self.fleet.socket}")
        address = f"unix:{self.fleet.socket}"
        deadline = time.monotonic() + 3
        while self.run("health", address) != (0, "ok\n", ""):
            assert time.monotonic() < deadline
        session = self.top(address=address)
        session.wait(lambda text: self.names[0] in text, 2, "the first frame")
        self.quit(session)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", default=".build/release/ringroad")
    parser.add_argument("--only", default="", help="only tests whose name has this word")
    parser.add_argument("--show", action="store_true", help="print the screens")
    arguments = parser.parse_args()
    tests = Tests(os.path.abspath(arguments.binary), arguments.show)
    failed = count = 0
    try:
        for name in [name for name in Tests.__dict__ if name.startswith("test_") and arguments.only in name]:
            count += 1
            print(name, flush=True)
            try:
                getattr(tests, name)()
            except Exception:
                failed += 1
                print("FAILED", traceback.format_exc(), flush=True)
    finally:
        tests.fleet.close()
    print(f"{count - failed} of {count} checks passed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
