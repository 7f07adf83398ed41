#!/usr/bin/env python3
"""What finding a key's server costs with each placement, at several numbers of servers.

For each: processor time per key of `ringroad route` over the same keys, less that of a pool with one server, where nothing
is hashed; the time to build the placement; and its memory. The least of several rounds; the keys are in random order, so
large tables are not all in the cache.
"""
import argparse
import json
import os
import random
import subprocess
import sys
import tempfile

# Seconds: what takes longer is run once. A difference of nanoseconds does not matter there.
SLOW = 2


def seconds(binary, config, keys):
    """Processor time of one run."""
    with open(keys, "rb") as source:
        child = subprocess.Popen([binary, "route", "-f", config], stdin=source, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        sys.exit(f"{config}: exit code {child.returncode}")
    return usage.ru_utime + usage.ru_stime


def measure(binary, configs, files, rounds):
    """For each configuration the seconds for many keys, and for one: the least of the rounds. A round has every
    configuration once, so that a slow moment of the machine is not one configuration's."""
    busy, build = {}, {}
    for _ in range(rounds):
        for config in configs:
            if busy.get(config, 0) < SLOW:
                busy[config] = min(busy.get(config, float("inf")), seconds(binary, config, files["many"]))
            build[config] = min(build.get(config, float("inf")), seconds(binary, config, files["one"]))
    return busy, build


def memory(binary, config):
    """KiB that the command holds while it waits for a second key. What rusage says begins with the memory of this process."""
    child = subprocess.Popen([binary, "route", "-f", config], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    child.stdin.write(b"user:1\n")
    child.stdin.flush()
    child.stdout.readline()
    with open(f"/proc/{child.pid}/status") as status:
        held = next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))
    child.communicate()
    return held


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", default=".build/release/ringroad")
    parser.add_argument("--keys", type=int, default=300_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--servers", default="3,10,100,1000")
    parser.add_argument("--only", help="placements whose names contain this, or the names of several: a,b")
    parser.add_argument("--markdown", action="store_true", help="one table, as docs/PERFORMANCE.md has it")
    arguments = parser.parse_args()
    listed = subprocess.run([arguments.binary, "placements", "--json"], capture_output=True, text=True, check=True)
    names = [json.loads(line)["name"] for line in listed.stdout.splitlines()]
    wanted = (arguments.only or "").split(",")
    names = [name for name in names if name in wanted or len(wanted) == 1 and wanted[0] in name]
    sizes = [int(word) for word in arguments.servers.split(",")]
    with tempfile.TemporaryDirectory() as folder:
        order = list(range(arguments.keys))
        random.Random(1).shuffle(order)
        files = {"many": os.path.join(folder, "many"), "one": os.path.join(folder, "one")}
        with open(files["many"], "w") as keys:
            keys.writelines(f"user:{i}:profile\n" for i in order)
        with open(files["one"], "w") as keys:
            keys.write("user:1:profile\n")

        def config(name, count):
            path = os.path.join(folder, f"{name}-{count}.yml")
            with open(path, "w") as out:
                out.write(f"placement: {name}\nservers:\n")
                out.writelines(f"  - 10.{i // 62500}.{i // 250 % 250}.{i % 250 + 1}:11211\n" for i in range(count))
            return path

        if arguments.markdown:
            print("| placement | " + " | ".join(f"{size:,}" for size in sizes) + " | build ms | MiB |")
            print("| --- |" + " ---: |" * (len(sizes) + 2))
        else:
            print(f"{'':36}" + "".join(f"{size:>8}" for size in sizes) + "   ns a key, by servers")
        rest = []
        for name in names:
            alone, *paths = (config(name, count) for count in [1, *sizes])
            busy, build = measure(arguments.binary, [alone, *paths], files, arguments.rounds)
            idle = busy[alone] - build[alone]
            cells = [max(0, busy[path] - build[path] - idle) * 1e9 / arguments.keys for path in paths]
            milliseconds = (build[paths[-1]] - build[alone]) * 1e3
            held = (memory(arguments.binary, paths[-1]) - memory(arguments.binary, alone)) / 1024
            rest.append((name, milliseconds, held))
            if arguments.markdown:
                words = [f"{max(10, 10 * round(cell / 10)):,.0f}" for cell in cells] + [f"{milliseconds:.0f}", f"{held:.1f}"]
                print(f"| `{name}` | " + " | ".join(words) + " |", flush=True)
            else:
                print(f"{name:36}" + "".join(f"{cell:8.0f}" for cell in cells), flush=True)
        if arguments.markdown:
            return
        print(f"\nat {sizes[-1]} servers, with reading the file:   ms to build   MiB")
        for name, milliseconds, held in rest:
            print(f"{name:36}{milliseconds:12.0f}{held:14.1f}")


if __name__ == "__main__":
    main()
