"""What is asked of a request's columns beyond their types."""

from __future__ import annotations

from msgspec import Struct


class InputRules(Struct, frozen=True, forbid_unknown_fields=True):
    """`[serving.inputs]` of a spec.

    By default rows are taken as in training: what is missing or unknown is the model's to handle.

    Each rule that is on refuses requests, naming the column: those with columns that the model does not know, with
    categories that training did not see, or with missing values (null or NaN).
    """

    refuse_extra_columns: bool = False
    refuse_unknown_categories: bool = False
    refuse_missing_values: bool = False
