"""collectd's memcached plugin and munin's: what they read from one memcached, they read from the proxy."""

import os
import shutil
import subprocess
import tempfile
import time

from stack import LOOPBACK, Load, Report, Stack, end_with_parent, eventually

MUNIN = "/usr/share/munin/plugins/memcached_"
COLLECTD = "/usr/sbin/collectd"
KINDS = ("rates", "bytes", "counters")


def munin(folder, kind, port):
    """What the plugin prints: names and values."""
    link = os.path.join(folder, f"memcached_{kind}")
    if not os.path.exists(link):
        os.symlink(MUNIN, link)
    done = subprocess.run(
        ["perl", link],
        env={**os.environ, "host": LOOPBACK, "port": str(port)},
        capture_output=True,
        text=True,
        timeout=20,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return dict(line.split() for line in done.stdout.splitlines())


def look_with_munin(stack, report, folder, sent):
    for kind in KINDS:
        proxy = munin(folder, kind, stack.proxy.port)
        parts = [munin(folder, kind, server.port) for server in stack.servers]
        report.expect(proxy.keys() == parts[0].keys(), f"munin, {kind}: the same {len(proxy)} values")
        for name, value in proxy.items():
            whole = sum(float(part[name]) for part in parts)
            # Each look is a connection, and a report of two kilobytes of each server.
            slack = 12 if "connections" in name else 12_000 if kind == "bytes" else 0
            near = abs(float(value) - whole) <= slack
            report.expect(near, f"munin, {kind}: {name} is {value}, of the servers {whole:.0f}")
        if kind == "rates":
            gets = float(proxy["memcache_cmd_get.value"])
            # Each of two workers has asked each server which meta requests it speaks.
            asked = 2 * len(stack.servers)
            report.expect(0 <= gets - sent["get"] <= asked, f"munin: {gets:.0f} gets, sent {sent['get']}")
            report.expect(float(proxy["memcache_cache_hits.value"]) > 0, "munin: there are hits")


def look_with_collectd(stack, report, folder):
    data = os.path.join(folder, "csv")
    config = os.path.join(folder, "collectd.conf")
    with open(config, "w") as file:
        file.write(f'BaseDir "{folder}"\nPIDFile "{folder}/pid"\nInterval 1\nHostname "h"\n')
        file.write("TypesDB \"/usr/share/collectd/types.db\"\nLoadPlugin memcached\nLoadPlugin csv\nLoadPlugin logfile\n")
        file.write(f'<Plugin logfile>\nLogLevel info\nFile "{folder}/log"\n</Plugin>\n')
        file.write(f'<Plugin csv>\nDataDir "{data}"\n</Plugin>\n<Plugin memcached>\n')
        for name, port in (("proxy", stack.proxy.port), ("one", stack.servers[0].port)):
            file.write(f'<Instance "{name}">\nAddress "{LOOPBACK}"\nPort {port}\n</Instance>\n')
        file.write("</Plugin>\n")
    child = subprocess.Popen(
        [COLLECTD, "-f", "-C", config],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=end_with_parent,
    )

    def files(name):
        path = os.path.join(data, "h", f"memcached-{name}")
        return {one[:-11] for one in os.listdir(path)} if os.path.isdir(path) else set()

    try:
        eventually(15, lambda: files("proxy") and files("one"), 0.2)
        time.sleep(2.5)
        proxy, one = files("proxy"), files("one")
        report.expect(one and proxy == one, f"collectd: the same {len(one)} values {sorted(proxy ^ one)}")
        with open(os.path.join(folder, "log")) as file:
            bad = [line for line in file if "error" in line.lower() or "fail" in line.lower()]
        report.expect(not bad, f"collectd has nothing to complain of {bad[:3]}")
    finally:
        child.kill()
        child.wait()


def main():
    report = Report()
    folder = tempfile.mkdtemp(prefix="ringroad-monitors-")
    try:
        with Stack() as stack:
            load = Load(stack, 500)
            load.thread.join(2)
            load.end()
            if os.path.exists(MUNIN):
                look_with_munin(stack, report, folder, load.sent)
            else:
                print("skipped munin: its plugin is not there")
            if os.path.exists(COLLECTD):
                look_with_collectd(stack, report, folder)
            else:
                print("skipped collectd: it is not there")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    report.end()


if __name__ == "__main__":
    main()
