"""What several clients at once may meet: merged gets of odd keys, values that hold commands, a server that is full.

Each check gives the number of its faults and prints one line, and what was wrong.
"""

import random
import re
import threading
import time

from fleet import Fleet, Ringroad, ask, connect, fakes_of, rest_of

MARK = b"mn\r\n"
# `mn` is answered in the words of the lowest version.
MARKED = re.compile(rb"(?:MN|EN|ERROR)\r\n$")
FLEETS = [
    ["1.4.39"] * 3, ["1.5.22"] * 3, ["1.6.9"] * 3, ["1.6.14"] * 3, ["1.6.18"] * 3, ["1.6.21"] * 3, ["1.6.45"] * 3,
    ["1.6.9", "1.6.18", "1.6.45"], ["1.4.39", "1.5.22", "1.6.45"], ["twemproxy"] * 3, ["lookalike"] * 3,
    ["twemproxy", "1.6.18", "lookalike"],
]  # fmt: skip
CONTROL = [bytes([byte]) for byte in range(1, 33) if byte not in (10, 13, 32)] + [b"\x7f", b"\x80", b"\xff"]


class Client(threading.Thread):
    """Runs a function with a connection of its own until it is told to stop; keeps what it says was wrong."""

    def __init__(self, port, play):
        super().__init__(daemon=True)
        self.port, self.play = port, play
        self.faults, self.count, self.is_stopped = [], 0, False

    def run(self):
        try:
            with connect(self.port) as one:
                while not self.is_stopped and len(self.faults) < 5:
                    wrong = self.play(self, one)
                    self.count += 1
                    if wrong:
                        self.faults.append(wrong)
        except OSError as error:
            self.faults.append(f"connection lost: {error}")


def answered(one, data, ends):
    """Sends and reads until the answer ends so."""
    one.sendall(data)
    return rest_of(one, b"", lambda answer: answer.endswith(ends))


def run_for(seconds, clients):
    for client in clients:
        client.start()
    time.sleep(seconds)
    for client in clients:
        client.is_stopped = True
    for client in clients:
        client.join(5)
    return sum(client.count for client in clients), [fault for client in clients for fault in client.faults]


def tell(title, faults, words):
    print(f"{title}: {'right' if not faults else f'{len(faults)} FAULTS'}; {words}")
    for fault in faults[:4]:
        print(f"    {fault[:400]}", flush=True)
    return len(faults)


# MARK: merged gets


def check_merged_gets(binary, seconds):
    """Hits behind misses, with control bytes in their keys, from several clients at once: all found, nothing closed."""
    faults = 0
    for version in ("1.4.39", "1.6.9", "1.6.18", "1.6.45"):
        with Fleet(binary, fakes_of([version] * 2)) as fleet:
            keys = {b"k%d%sx" % (number, byte): b"value %d" % number for number, byte in enumerate(CONTROL)}
            keys |= {b"plain%d" % number: b"plain value %d" % number for number in range(30)}
            stores = b"".join(b"set %s 0 0 %d\r\n%s\r\n" % (key, len(value), value) for key, value in keys.items())
            stored = ask(fleet.port, stores + b"get none\r\n", lambda answer: answer.endswith(b"END\r\n"))
            wrong = [] if stored.count(b"STORED") == len(keys) else [f"stored {stored.count(b'STORED')} of {len(keys)}"]
            clients = [Client(fleet.port, merged_gets(keys, seed)) for seed in range(6)]
            rounds, found = run_for(seconds, clients)
            rows = fleet.statistics()
            for name in ("integrity_failures", "server_connections_lost", "unsolicited_bytes"):
                if rows.get(name) != "0":
                    found.append(f"{name} is {rows.get(name)}")
            words = f"{rounds} rounds, reads_joined {rows.get('reads_joined')}, reads_as_misses {rows.get('reads_as_misses')}"
            faults += tell(f"merged gets, {version}", wrong + found, words)
    return faults


def merged_gets(keys, seed):
    choice = random.Random(seed)
    names = list(keys)

    def play(_, one):
        wanted, requests = [], []
        for _ in range(choice.randint(2, 12)):
            key = choice.choice(names) if choice.random() < 0.6 else b"miss%d%s" % (choice.randrange(99), choice.choice(CONTROL))
            requests.append(b"get %s\r\n" % key)
            value = keys.get(key)
            wanted.append(b"END\r\n" if value is None else b"VALUE %s 0 %d\r\n%s\r\nEND\r\n" % (key, len(value), value))
        expected = b"".join(wanted)
        one.sendall(b"".join(requests))
        answer = rest_of(one, b"", lambda so_far: len(so_far) >= len(expected))
        return None if answer == expected else f"asked {requests}: {answer!r}"

    return play


# MARK: values that hold commands

BODIES = [
    b"incr c0 1000\r\nincr c1 1000", b"flush_all", b"set c0 0 0 2\r\n77", b"delete c0\r\ndelete c1\r\ndelete c2",
    b"set stolen 0 0 1\r\n1", b"\r\nflush_all\r\nincr c2 500", b"flush_all\nflush_all noreply\nincr c0 1000",
]  # fmt: skip
HEADS = [
    "ms {key} {n}", "ms {key} {n} T0", "ms {key} {n} q", "ms {key} S{n}", "ms {key} S {n}", "ms {key} {n} z", "ms {key} {n} Tx",
    "ms {key} {n} MX", "ms {key} {n} O" + "o" * 40, "ms {key} {n} b", "ms {key} {n} - v", "ms {key} {n} T0 T0", "ms {long} {n}",
    "ms {key} {n} F4294967296", "ms {key} {n} E1", "ms {key} {n} " + "k " * 25, "  ms {key} {n}", "ms {key} +{n}", "ms {key} 0{n}",
    "set {key} x 0 {n}", "set {key} 0 1e3 {n}", "set {long} 0 0 {n}", "set {key} -1 0 {n}", "cas {key} 0 0 {n} x", "cas {key} 0 0 {n}",
    "set {key} 0 0 {n} noreply extra", "set {key} 0 0 {n} extra", "append {key} 0 0x {n} noreply", "add {key} 0 99999999999999999999 {n}",
    "SET {key} 0 0 {n}", " set {key} x 0 {n}",
]  # fmt: skip
# Lines that no memcached takes for a store, or that announce no length in its place: what follows them may be run.
LOOSE = {"SET {key} 0 0 {n}", "ms {key} S {n}"}
STOLEN = re.compile(rb"^(?:incr stolen|set stolen|incr c\d (?:1000|500)|delete c\d|set c0 0 0 2|flush_all)")
# Requests to which 1.5.22 ends, or keeps quiet about the next one.
DEADLY = [b"md foo kT 0\r\n", b"md foo kC 0\r\n", b"mg foo k\r\n", b"mg foo qv\r\n", b"md foo k\r\n"]


def check_bodies(binary, seconds, fleets=FLEETS):
    """One client sends values that hold commands while others count: no body may be run, and each counter must be right."""
    faults = 0
    for versions in fleets:
        with Fleet(binary, fakes_of(versions, keeps_lines=True)) as fleet:
            heads = [head for head in HEADS if head not in LOOSE and runs_body(fleet, head)]
            for fake in fleet.fakes:
                fake.lines.clear()
            counters = [Client(fleet.port, counting(f"c{number}".encode())) for number in range(4)]
            # Heads whose bodies are run were reported above; left in, they would hide everything else.
            sender = Client(fleet.port, bodies_in_turn(fleet.port, [head for head in HEADS if head not in {*LOOSE, *heads}]))
            _, wrong = run_for(seconds, [*counters, sender])
            for title, kind in (("ms", True), ("classic stores", False)):
                those = [head.strip() for head in heads if head.strip().startswith("ms") is kind]
                wrong[:0] = [f"bodies of {title} are run behind: {', '.join(those)}"] * bool(those)
            wrong += ["a server ended" for fake in fleet.fakes if not fake.thread.is_alive()]
            wrong += lines_of_bodies(fleet)
            rows = fleet.statistics()
            for name in ("integrity_failures", "unsolicited_bytes"):
                if rows.get(name) != "0":
                    wrong.append(f"{name} is {rows.get(name)}")
            if not fleet.ringroad.is_alive:
                wrong.append("ringroad ended")
            title = "values with commands, " + (versions[0] if len(set(versions)) == 1 else " + ".join(versions))
            faults += tell(title, wrong, f"{sum(c.count for c in counters)} counts, {sender.count} values")
    return faults


def runs_body(fleet, head):
    """Whether the body of such a request is run: by a server, or by ringroad, which then asks a server."""
    for fake in fleet.fakes:
        fake.lines.clear()
    body = b"incr stolen 1\r\nget stolen"
    line = head.format(key="evil", n=len(body), long="k" * 251).encode()
    ask(fleet.port, line + b"\r\n" + body + b"\r\n" + MARK, ended, patience=0.3, grace=0.01)
    return any(b"stolen" in line for fake in fleet.fakes for line in fake.lines)


def lines_of_bodies(fleet):
    """One line of each server that came from a body."""
    for fake in fleet.fakes:
        for line in fake.lines:
            if STOLEN.search(line):
                yield f"run by {fake.like or fake.version.name}: {line!r}"
                break


def counting(key):
    """Increments a counter that no other client uses: the number must be one more each time."""
    last = [None]

    def play(_, one):
        if last[0] is None:
            stored = answered(one, b"set %s 0 0 1\r\n0\r\n" % key, b"\r\n")
            last[0] = 0
            return None if stored == b"STORED\r\n" else f"set of {key!r}: {stored!r}"
        answer = answered(one, b"incr %s 1\r\n" % key, b"\r\n")
        last[0] += 1
        if answer == b"%d\r\n" % last[0]:
            return None
        wrong = f"counter {key!r}: {answer!r} in place of {last[0]}"
        last[0] = None
        return wrong

    return play


def bodies_in_turn(port, heads):
    cases = [(head, body) for head in heads for body in BODIES]
    turn = [0]

    def play(client, _):
        if turn[0] % 20 == 19:
            ask(port, DEADLY[turn[0] // 20 % len(DEADLY)] + MARK, ended, patience=0.5, grace=0.01)
        head, body = cases[turn[0] % len(cases)]
        turn[0] += 1
        line = head.format(key="evil", n=len(body), long="k" * 251).encode()
        ask(port, line + b"\r\n" + body + b"\r\n" + MARK, ended, patience=0.5, grace=0.01)
        return None

    return play


def ended(answer):
    return "perhaps" if MARKED.search(answer) else False


# MARK: a full server


def check_limit(binary, seconds):
    """One of three servers takes fewer connections than there are workers: no integrity failure, no flapping, and the
    keys of the other servers are answered rightly."""
    limit, keys = 3, {"threads": 4, "connect_timeout": "1s", "request_timeout": "500ms"}
    with Fleet(binary, fakes_of(["1.6.18"] * 3), **keys) as fleet:
        # Which server has which key, while all have room; then one of them is full.
        fakes, owners, states, outcomes, lock = fleet.fakes, {}, [], {}, threading.Lock()
        for number in range(60):
            ask(fleet.port, b"set key%d 0 0 1\r\nx\r\n" % number, lambda answer: answer.endswith(b"\r\n"))
        for place, fake in enumerate(fakes):
            owners |= {key: place for key in list(fake.items.held)}
        fleet.ringroad.end()
        time.sleep(0.2)
        fakes[0].limit = limit
        fleet.ringroad = Ringroad(binary, [fake.port for fake in fakes], **keys)
        fleet.port = fleet.ringroad.port

        def play(_, one):
            key = b"key%d" % random.randrange(60)
            answer = answered(one, b"set %s 0 0 1\r\nx\r\nget %s\r\n" % (key, key), b"END\r\n")
            is_right = answer == b"STORED\r\nVALUE %s 0 1\r\nx\r\nEND\r\n" % key
            with lock:
                kind = ("full" if owners.get(key, 0) == 0 else "other", is_right)
                outcomes[kind] = outcomes.get(kind, 0) + 1
            if not is_right and owners.get(key, 0) != 0:
                return f"key of another server: {answer!r}"
            return None

        clients = [Client(fleet.port, play) for _ in range(12)]
        for client in clients:
            client.start()
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            rows = fleet.statistics()
            state = next((value for name, value in rows.items() if name.endswith(f":{fakes[0].port}")), "?")
            if not states or states[-1] != state:
                states.append(state)
            time.sleep(0.05)
        for client in clients:
            client.is_stopped = True
        for client in clients:
            client.join(5)
        wrong = [fault for client in clients for fault in client.faults]
        rows = fleet.statistics()
        if rows.get("integrity_failures") != "0":
            wrong.append(f"integrity_failures is {rows.get('integrity_failures')}")
        if len(states) > 3:
            wrong.append(f"the full server's state changed {len(states) - 1} times: {' '.join(states[:12])}")
        if not re.search(r"full|[Tt]oo many", fleet.ringroad.log()):
            wrong.append("the log does not say that a server is full: " + fleet.ringroad.log()[-300:])
        words = f"right of the full server's keys {outcomes.get(('full', True), 0)}, wrong {outcomes.get(('full', False), 0)}; "
        words += f"refused by it {fakes[0].rejected_connections} times; states {' '.join(states[:6])}"
        return tell(f"a server at its limit of {limit} connections, 4 workers", wrong, words)
