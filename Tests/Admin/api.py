"""schemathesis asks a real proxy whatever docs/openapi.yml allows, and what it does not: no answer may differ from it."""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time

import yaml
from jsonschema_rs import Draft202012Validator

from stack import LOOPBACK, REPOSITORY, Load, Report, Stack

PAGE = os.path.join(REPOSITORY, "docs", "openapi.yml")
TOKEN = "a token of the test"


def schemathesis(stack, report, examples):
    with open(os.path.join(stack.proxy.folder, "schemathesis.toml"), "w") as file:
        # libevent answers 501 to methods that it does not know.
        file.write('[phases.coverage]\nunexpected-methods = ["DELETE", "PUT", "PATCH", "OPTIONS", "TRACE"]\n')
        # A key has 250 bytes, which the schema cannot say of characters; and a + of a query is no blank there.
        file.write('[[operations]]\ninclude-path = "/api/v1/route"\nchecks.positive_data_acceptance.enabled = false\n')
        file.write("checks.negative_data_rejection.enabled = false\n")
        # Others get this operation's body, which is refused where none is read.
        file.write('[[operations]]\ninclude-path = "/api/v1/servers/{name}/mark"\n')
        file.write('phases.coverage.unexpected-methods = ["PUT", "PATCH"]\n')
        # The same; and a configuration that is wrong is answered with what is wrong.
        file.write('[[operations]]\ninclude-path = "/api/v1/plan"\n')
        file.write('phases.coverage.unexpected-methods = ["PUT", "PATCH"]\nchecks.negative_data_rejection.enabled = false\n')
    command = [
        os.path.join(os.path.dirname(sys.executable), "schemathesis"),
        "run",
        PAGE,
        "--url",
        f"http://{LOOPBACK}:{stack.port}",
        # Its answers have no end; IntegrationTests/TailTests has it.
        "--exclude-path",
        "/api/v1/tail",
        "--max-examples",
        str(examples),
        "--header",
        f"Authorization: Bearer {TOKEN}",
        "--request-timeout",
        "5",
        "--phases",
        "examples,coverage,fuzzing",
        "--generation-database",
        "none",
        "--seed",
        "1",
        "--suppress-health-check",
        "all",
        "--no-color",
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, cwd=stack.proxy.folder)
    report.expect(done.returncode == 0, f"schemathesis: {done.stdout[-12000:] if done.returncode else 'all conform'}")
    for line in done.stdout.splitlines():
        if "generated" in line or "passed" in line:
            print("       ", line.strip())


def documents(stack, report):
    """Each document of a proxy with an outage, by its whole schema: random requests see only a few states."""
    with open(PAGE) as file:
        page = yaml.safe_load(file)
    paths = {
        "/api/v1/status": [""],
        "/api/v1/pools": [""],
        "/api/v1/servers": [""],
        "/api/v1/ring": ["", "?pool=main"],
        "/api/v1/history": ["", "?servers=all", f"?since=3&server={stack.name(0)}&server={stack.name(1)}"],
        "/api/v1/hotkeys": ["", "?by=bytes"],
        "/api/v1/events": ["", "?since=2"],
        "/api/v1/config": [""],
        "/api/v1/route": ["?key=a", "?key=%ff%C3%A9", "?key=a&pool=main"],
    }
    described = {path for path, item in page["paths"].items() if path.startswith("/api/") and "get" in item}
    described.discard("/api/v1/tail")
    report.expect(described == set(paths), f"every document is looked at {described ^ set(paths)}")
    for path, queries in paths.items():
        content = page["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]
        validator = Draft202012Validator({**content["schema"], "components": page["components"]})
        errors = [
            f"{query} {list(error.instance_path)}: {error.message[:200]}"
            for query in queries
            for error in validator.iter_errors(stack.json(path + query))
        ]
        report.expect(not errors, f"{path} {errors[:3]}")


def changes(stack, report):
    """What a token is for."""
    right = {"Authorization": f"Bearer {TOKEN}"}
    name = stack.name(0)
    mark = f"/api/v1/servers/{name}/mark"
    for headers, status in (({}, 401), ({"Authorization": "Bearer x"}, 401), (right, 200)):
        report.expect(stack.ask(mark, "POST", headers, '{"mark": "down"}')[0] == status, f"a mark gives {status}")
    time.sleep(0.5)
    states = {one["name"]: one["state"] for one in stack.json("/api/v1/servers")["servers"]}
    report.expect(states[name] == "marked down", f"the server is {states[name]}")
    report.expect(stack.ask(mark, "POST", right, '{"mark": "up"}')[0] == 200, "the mark ends")
    with open(stack.proxy.path) as file:
        good = file.read()
    stack.proxy.replace(good + "request_timeout: 300ms\n")
    status, _, body = stack.ask("/api/v1/reload", "POST", right)
    report.expect(status == 200, f"a reload: {body.decode().strip()}")
    stack.proxy.replace(good + "request_timeout: soon\n")
    status, _, body = stack.ask("/api/v1/reload", "POST", right)
    report.expect(status == 409 and "request_timeout" in json.loads(body)["error"], "a bad file is refused with its error")
    stack.proxy.replace(good)
    stack.ask("/api/v1/reload", "POST", right)


def main():
    flags = argparse.ArgumentParser(description=__doc__)
    flags.add_argument("--short", action="store_true", help="fewer examples")
    short = flags.parse_args().short
    report = Report()
    with tempfile.NamedTemporaryFile("w", prefix="ringroad-token-") as token:
        token.write(TOKEN + "\n")
        token.flush()
        with Stack(admin=[f"token: {{file: {token.name}}}"]) as stack:
            load = Load(stack, 1000)
            time.sleep(2)
            documents(stack, report)
            changes(stack, report)
            stack.servers[2].kill()
            time.sleep(2)
            documents(stack, report)
            stack.servers[2].start()
            time.sleep(3)
            schemathesis(stack, report, 10 if short else 500)
            load.end()
            report.expect(stack.proxy.is_alive, "the proxy runs")
    report.end()


if __name__ == "__main__":
    main()
