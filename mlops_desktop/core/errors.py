"""Errors that are meant for people.

An `AppError` says what happened, in which object, and what to do next. Any other exception is a bug:
it is logged with its traceback and shown once, never swallowed.
"""

from __future__ import annotations


class AppError(Exception):
    """Something a person can act on.

    Attributes:
        message: what happened, one sentence.
        hint: what to do next, one sentence; empty when there is nothing to add.
    """

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".rstrip()


class InvalidInput(AppError):
    """What was given (a file, a spec, a value) cannot be used as it is."""


class NotFound(AppError):
    """The named object does not exist in this workspace."""


class Conflict(AppError):
    """The object exists, but its state does not allow the request."""


class EnvironmentProblem(AppError):
    """Disk, port, permissions, a missing library: not the data and not the program."""


class WorkspaceTooNew(EnvironmentProblem):
    """The workspace was written by a newer version of the program."""


class Damaged(AppError):
    """Stored content no longer has the hash it is named by, or the journal's chain is broken."""


class Cancelled(Exception):
    """Raised inside a job when somebody asked for it to stop. Not an error."""
