"""`alerts …`: what monitoring noticed."""

from __future__ import annotations

import argparse

from mlops_desktop.cli.output import Answer, table
from mlops_desktop.cli.parsing import Commands, add_command, add_group, open_workspace


def add_commands(commands: Commands, common: argparse.ArgumentParser) -> None:
    alerts = add_group(commands, "alerts", "alerts")
    add_command(alerts, common, "list", _list, "alerts, newest first")
    acknowledge = add_command(alerts, common, "acknowledge", _acknowledge, "mark an alert as seen")
    acknowledge.add_argument("number", type=int)
    resolve = add_command(alerts, common, "resolve", _resolve, "close an alert")
    resolve.add_argument("number", type=int)


def _list(arguments: argparse.Namespace) -> Answer:
    alerts = open_workspace(arguments).registry.alerts.all()
    rows = [
        (a.number, a.state.value, a.severity.value, a.cause.value, a.title, a.action.value, f"{a.raised:%Y-%m-%d}")
        for a in alerts
    ]
    headers = ("alert", "state", "severity", "cause", "what", "action", "raised")
    return Answer(alerts, table(headers, rows, "No alerts."))


def _acknowledge(arguments: argparse.Namespace) -> Answer:
    alert = open_workspace(arguments).acknowledge(arguments.number)
    return Answer(alert, f"Alert {alert.number} is acknowledged.")


def _resolve(arguments: argparse.Namespace) -> Answer:
    alert = open_workspace(arguments).resolve(arguments.number)
    return Answer(alert, f"Alert {alert.number} is resolved.")
