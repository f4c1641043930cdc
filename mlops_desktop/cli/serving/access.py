"""`serve token …` and `serve certificate`: who may reach the gateway."""

from __future__ import annotations

import argparse
from pathlib import Path

from mlops_desktop.cli.output import Answer, table
from mlops_desktop.cli.parsing import Commands, add_command, add_group, open_workspace
from mlops_desktop.serving.tokens import Scope


def add_commands(serve: Commands, common: argparse.ArgumentParser) -> None:
    token = add_group(serve, "token", "tokens of the gateway's clients")
    create = add_command(token, common, "create", _create, "make a token and show it, this once")
    create.add_argument("name")
    create.add_argument("--scope", action="append", type=Scope, choices=list(Scope), help="may be given several times")
    add_command(token, common, "list", _list, "tokens by name, without what is secret of them")
    revoke = add_command(token, common, "revoke", _revoke, "take a token back")
    revoke.add_argument("name")
    certificate = add_command(serve, common, "certificate", _certificate, "make a certificate to try TLS with")
    certificate.add_argument("host", help="the name or address that clients use")
    certificate.add_argument("--folder", type=Path, help="where to put it and its key; the workspace without")


def _create(arguments: argparse.Namespace) -> Answer:
    token, text = open_workspace(arguments).tokens.make(arguments.name, arguments.scope or [Scope.PREDICT])
    shown = {"name": token.name, "scopes": token.scopes, "token": text}
    return Answer(shown, f"{text}\nKeep it: it is not shown again. It is good for {', '.join(token.scopes)}.")


def _list(arguments: argparse.Namespace) -> Answer:
    tokens = open_workspace(arguments).tokens.all()
    rows = [(token.name, ", ".join(token.scopes), f"{token.made:%Y-%m-%d %H:%M}") for token in tokens]
    data = [{"name": token.name, "scopes": token.scopes, "made": token.made} for token in tokens]
    return Answer(data, table(("token", "scopes", "made"), rows, "No tokens."))


def _revoke(arguments: argparse.Namespace) -> Answer:
    token = open_workspace(arguments).tokens.revoke(arguments.name)
    return Answer({"name": token.name}, f"{token.name} is revoked.")


def _certificate(arguments: argparse.Namespace) -> Answer:
    from mlops_desktop.serving.gateway.tls import make_self_signed

    certificate, key = make_self_signed(arguments.folder or open_workspace(arguments).folder, arguments.host)
    return Answer(
        {"certificate": str(certificate), "key": str(key)},
        f"{certificate} and {key} are for trying: clients must be told to trust the certificate.",
    )
