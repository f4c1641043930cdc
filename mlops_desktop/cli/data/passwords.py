"""Passwords of databases: asked for, never an argument, as arguments can be seen by everybody on the machine."""

from __future__ import annotations

import argparse
import getpass

from mlops_desktop.cli.output import note
from mlops_desktop.core.errors import InvalidInput


def add_password_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--ask-password", action="store_true", help="ask for the database's password, and forget it")
    parser.add_argument(
        "--remember-password", action="store_true", help="ask for it, and keep it in the system's keyring"
    )


def with_password(arguments: argparse.Namespace, location: str) -> str:
    """The location with the password that was asked for. Raises `InvalidInput`, `EnvironmentProblem`."""
    from mlops_desktop.data.sources.credentials import remember, taken_apart

    if "://" not in location:
        if arguments.ask_password or arguments.remember_password:
            raise InvalidInput(f"{location} has no password.", hint="Passwords belong to the URLs of databases.")
        return location
    found = taken_apart(location)
    if found.password:
        note("mlops-desktop: others on this machine can see a password in a command; use --ask-password.")
    if not (arguments.ask_password or arguments.remember_password):
        return location
    asked = found._replace(password=found.password or _asked(found.shown)).complete
    return remember(asked) if arguments.remember_password else asked


def _asked(shown: str) -> str:
    try:
        password = getpass.getpass(f"Password of {shown}: ")
    except EOFError:
        password = ""
    if not password:
        raise InvalidInput("No password was given.", hint="Type it when you are asked for it.")
    return password
