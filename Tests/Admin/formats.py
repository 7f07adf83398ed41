"""The metrics in both formats, read by promtool and by Prometheus' own parser of OpenMetrics; the alerts' rules and tests."""

import subprocess

from prometheus_client.openmetrics.parser import text_string_to_metric_families

import documents
from stack import REPOSITORY, Load, Report, Stack

OPEN = "application/openmetrics-text; version=1.0.0"


def promtool(*arguments, text=""):
    """Its exit code, and all that it prints."""
    done = subprocess.run(
        ["promtool", *arguments], input=text, text=True, capture_output=True, timeout=60, cwd=REPOSITORY
    )
    return done.returncode, (done.stdout + done.stderr).strip()


def main():
    report = Report()
    with Stack() as stack:
        load = Load(stack, 500)
        stack.servers[2].kill()
        load.thread.join(3)
        load.end()
        text = stack.text("/metrics")
        code, words = promtool("check", "metrics", text=text)
        report.expect(code == 0 and not words, f"promtool check metrics: {words or 'nothing to say'}")

        _, headers, body = stack.ask("/metrics", headers={"Accept": OPEN})
        families = list(text_string_to_metric_families(body.decode()))
        report.expect(headers["Content-Type"].startswith(OPEN), "OpenMetrics has its own type")
        plain = {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")}
        written = {f.name + "_total" if f.type == "counter" else f.name for f in families}
        report.expect(written == plain, f"OpenMetrics has the same {len(plain)} families")
        report.expect(all(f.documentation for f in families), "each of them has a help text")

        there = plain | {name for name, _ in stack.metrics()}
        for path in (documents.RULES, documents.DASHBOARD):
            with open(path) as file:
                used = documents.names(file.read())
            report.expect(used and not used - there, f"{path}: {len(used)} metrics, unknown: {sorted(used - there)}")
    for arguments in (("check", "rules", documents.RULES), ("test", "rules", "Tests/Admin/alerts_test.yml")):
        code, words = promtool(*arguments)
        report.expect(code == 0, f"promtool {' '.join(arguments[:2])}: {words}")
    report.end()


if __name__ == "__main__":
    main()
