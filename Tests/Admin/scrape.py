"""A real Prometheus scrapes a real proxy while one server hangs and another is killed and comes back."""

import argparse
import json
import math
import os
import shutil
import subprocess
import tempfile
import time
import urllib.parse
import urllib.request

import documents
from stack import LOOPBACK, Load, Report, Stack, end_with_parent, eventually, quiet_port

# Series that only grow.
GROWING = '{__name__=~"ringroad_.+_(total|bucket|count|sum)"}'


class Prometheus:
    """One Prometheus that scrapes a port each second."""

    def __init__(self, target):
        self.folder = tempfile.mkdtemp(prefix="ringroad-prometheus-")
        self.port = quiet_port()
        config = {
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
            "rule_files": [documents.RULES],
            "scrape_configs": [{"job_name": "ringroad", "static_configs": [{"targets": [f"{LOOPBACK}:{target}"]}]}],
        }
        path = os.path.join(self.folder, "prometheus.yml")
        with open(path, "w") as file:
            json.dump(config, file)
        self.log = open(os.path.join(self.folder, "log"), "wb")
        self.child = subprocess.Popen(
            [
                "prometheus",
                f"--config.file={path}",
                f"--storage.tsdb.path={self.folder}/data",
                f"--web.listen-address={LOOPBACK}:{self.port}",
            ],
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=self.log,
            preexec_fn=end_with_parent,
        )
        if eventually(30, lambda: self.samples("up == 1")) is None:
            self.end()
            raise RuntimeError("Prometheus does not scrape")

    def api(self, path, **query):
        try:
            with urllib.request.urlopen(
                f"http://{LOOPBACK}:{self.port}/api/v1/{path}?{urllib.parse.urlencode(query)}", timeout=10
            ) as answer:
                return json.load(answer)["data"]
        except OSError:
            return None

    def samples(self, query):
        """The result of a query now; nothing if it fails."""
        data = self.api("query", query=query)
        return data["result"] if data else []

    def number(self, query):
        found = self.samples(query)
        return float(found[0]["value"][1]) if found else math.nan

    def end(self):
        self.child.kill()
        self.child.wait()
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def outage(stack, prometheus, report, server, begin, finish, hold, words):
    """One server goes out and returns; Prometheus must see both."""
    up = f'ringroad_server_up{{server="{stack.name(server)}"}}'
    begin()
    seen = eventually(20, lambda: prometheus.number(up) == 0, 0.2)
    report.expect(seen is not None, f"{words}: Prometheus sees it go out after {seen or 0:.1f} s")
    states = prometheus.samples(f'ringroad_server_state{{server="{stack.name(server)}"}} == 1')
    report.expect(
        [one["metric"]["state"] for one in states] == ["ejected"], f"{words}: it is ejected, and in one state"
    )
    time.sleep(hold)
    finish()
    seen = eventually(30, lambda: prometheus.number(up) == 1, 0.2)
    report.expect(seen is not None, f"{words}: Prometheus sees it return after {seen or 0:.1f} s")


def look_at_series(prometheus, report, seconds, before):
    """No counter falls, no series ends, no scrape fails."""
    report.expect(prometheus.number(f"min_over_time(up[{seconds}s])") == 1, "every scrape succeeded")
    names = {one["metric"]["__name__"] for one in prometheus.samples(GROWING)}
    resets = [name for name in names if prometheus.number(f"max(resets({name}[{seconds}s]))") != 0]
    report.expect(len(names) > 50 and not resets, f"none of {len(names)} counters was reset {resets}")
    negative = [name for name in names if not prometheus.number(f"min(rate({name}[5s]))") >= 0]
    report.expect(not negative, f"no rate is negative {negative}")
    falls = [
        one["metric"]
        for one in prometheus.samples(f"{GROWING}[{seconds}s]")
        if any(float(b) < float(a) for (_, a), (_, b) in zip(one["values"], one["values"][1:]))
    ]
    report.expect(not falls, f"no sample is below the one before it {falls[:3]}")
    after = {json.dumps(one["metric"], sort_keys=True) for one in prometheus.samples('{__name__=~"ringroad_.+"}')}
    report.expect(before <= after, f"all {len(before)} series are still there {list(before - after)[:3]}")
    report.expect(len(after) < 400, f"{len(after)} series for three servers")


def look_at_load(prometheus, report, load, rate):
    """What Prometheus knows is what was sent."""
    for command, sent in load.sent.items():
        known = f'sum(ringroad_requests_total{{command="{command}"}})'
        eventually(5, lambda: prometheus.number(known) == sent, 0.2)
        report.expect(prometheus.number(known) == sent, f"{sent} times {command}: {prometheus.number(known):.0f}")
    report.expect(abs(rate / load.rate - 1) < 0.15, f"rate() was {rate:.0f}/s where {load.rate}/s were sent")
    known, sent = "sum(ringroad_request_latency_seconds_count)", sum(load.sent.values())
    eventually(5, lambda: prometheus.number(known) == sent, 0.2)
    report.expect(prometheus.number(known) == sent, f"{sent} latencies: {prometheus.number(known):.0f}")


def look_at_dashboard(prometheus, report):
    groups = prometheus.api("rules")["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    bad = [(rule["name"], rule["lastError"]) for rule in rules if rule["health"] != "ok"]
    report.expect(rules and not bad, f"{len(rules)} alerts are evaluated {bad}")
    empty = []
    queries = list(documents.queries())
    for title, query in queries:
        data = prometheus.api("query", query=query)
        if not data or not data["result"]:
            empty.append((title, query))
    report.expect(not empty, f"each of {len(queries)} queries of the dashboard has data {empty}")


def main():
    flags = argparse.ArgumentParser(description=__doc__)
    flags.add_argument("--short", action="store_true", help="half a minute instead of a minute and a half")
    short = flags.parse_args().short
    report = Report()
    begin = time.monotonic()
    with Stack() as stack:
        prometheus = Prometheus(stack.port)
        try:
            load = Load(stack, 400)
            time.sleep(7 if short else 15)
            rate = prometheus.number("sum(rate(ringroad_requests_total[5s]))")
            before = {
                json.dumps(one["metric"], sort_keys=True) for one in prometheus.samples('{__name__=~"ringroad_.+"}')
            }
            hang, dead = stack.servers[1], stack.servers[2]
            hold = 1 if short else 10
            outage(stack, prometheus, report, 1, hang.stop, hang.go_on, hold, "hangs")
            outage(stack, prometheus, report, 2, dead.kill, dead.start, hold, "killed")
            time.sleep(2 if short else 10)
            look_at_dashboard(prometheus, report)
            load.end()
            time.sleep(1.5)
            look_at_load(prometheus, report, load, rate)
            look_at_series(prometheus, report, int(time.monotonic() - begin) + 1, before)
            for i, least in enumerate((0, 1, 1)):
                ejections = prometheus.number(f'ringroad_server_ejections_total{{server="{stack.name(i)}"}}')
                report.expect((ejections >= 1) == (least == 1), f"server {i} was ejected {ejections:.0f} times")
            failed = prometheus.number(
                f'sum(ringroad_server_failures_total{{server="{stack.name(1)}",cause="timed_out"}})'
            )
            report.expect(failed >= 1, f"{failed:.0f} requests to the hanging server timed out")
        finally:
            prometheus.end()
    report.end()


if __name__ == "__main__":
    main()
