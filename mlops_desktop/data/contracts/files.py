"""Contracts as TOML text.

    mode = "quarantine"
    key = ["id"]

    [columns.id]
    type = "integer"
    nullable = false

What a key means is in `core.contracts`. Comments are kept by keeping the text; what is written here has none.
"""

from __future__ import annotations

import tomllib
from datetime import date, datetime
from typing import Any

import msgspec

from mlops_desktop.core.contracts import ColumnRule, Contract
from mlops_desktop.core.errors import InvalidInput
from mlops_desktop.data.contracts.rules import check_contract


def from_toml(text: str, where: str = "The contract") -> Contract:
    """The contract that a TOML text says. Raises `InvalidInput`, naming the file (`where`) and the key."""
    try:
        document: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidInput(f"{where} is not TOML: {error}.", hint="Correct that line.") from None
    columns = document.pop("columns", {})
    if not isinstance(columns, dict) or not all(isinstance(rule, dict) for rule in columns.values()):
        raise InvalidInput(f"{where}, columns: must be tables.", hint="Write [columns.NAME] above a column's rules.")
    table = _converted(document, Contract, where, "")
    rules = tuple(_converted({"name": name} | rule, ColumnRule, where, name) for name, rule in columns.items())
    for name, rule in columns.items():
        if "name" in rule:
            raise InvalidInput(f"{where}, columns.{name}.name: unknown key.", hint="The heading names the column.")
    contract: Contract = msgspec.structs.replace(table, columns=rules)
    check_contract(contract, where)
    return contract


def to_toml(contract: Contract) -> str:
    """The contract as text, in the order of its own columns; values that are as usual are left out."""
    import tomli_w

    document = {"mode": contract.mode.value} | _unusual(contract, Contract(), "columns")
    document["columns"] = {rule.name: _unusual(rule, ColumnRule(rule.name), "name") for rule in contract.columns}
    return tomli_w.dumps(document)


def _unusual(value: msgspec.Struct, usual: msgspec.Struct, without: str) -> dict[str, Any]:
    fields = [name for name in value.__struct_fields__ if name != without]
    return {name: _plain(getattr(value, name)) for name in fields if getattr(value, name) != getattr(usual, name)}


def _plain(value: Any) -> Any:
    """As TOML has it, with whole numbers written whole."""
    is_whole = isinstance(value, float) and value.is_integer() and abs(value) < 2**53
    return int(value) if is_whole else msgspec.to_builtins(value)


def _converted(values: dict[str, Any], kind: Any, where: str, column: str) -> Any:
    plain = {key: value.isoformat() if isinstance(value, date | datetime) else value for key, value in values.items()}
    try:
        return msgspec.convert(plain, kind)
    except msgspec.ValidationError as error:
        words, _, path = str(error).partition(" - at `$.")
        key = ".".join(part for part in ("columns" if column else "", column, path.rstrip("`")) if part)
        raise InvalidInput(
            f"{where}{f', {key}' if key else ''}: {words}.", hint="Correct that key of the contract."
        ) from None
