"""What config/ has for dashboards and alerts: every metric that they name is one."""

import json
import os
import re

from stack import REPOSITORY

RULES = os.path.join(REPOSITORY, "config", "prometheus-alerts.yml")
DASHBOARD = os.path.join(REPOSITORY, "config", "grafana-dashboard.json")
NAME = re.compile(r"\bringroad_[a-z_]+\b")


def panels():
    """Each panel of the dashboard, those in rows included."""
    with open(DASHBOARD) as file:
        waiting = json.load(file)["panels"]
    while waiting:
        panel = waiting.pop(0)
        waiting = panel.get("panels", []) + waiting
        if panel["type"] not in ("row", "text"):
            yield panel


def queries():
    """Each query of the dashboard as Prometheus would get it, with its panel's title."""
    for panel in panels():
        for target in panel["targets"]:
            query = target["expr"]
            for name, text in (("$__rate_interval", "10s"), ("$__range", "1m"), ("$instance", ".*"), ("$server", ".*"), ("$pool", ".*")):
                query = query.replace(name, text)
            yield panel["title"], query


def names(text):
    return set(NAME.findall(text))
