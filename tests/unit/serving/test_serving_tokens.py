"""Tokens of the gateway's clients, and what each of them may do how often."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from mlops_desktop.core.errors import Conflict, Damaged, InvalidInput, NotFound
from mlops_desktop.serving import tokens
from mlops_desktop.serving.gateway.limits import MOST_CLIENTS, RateLimiter
from mlops_desktop.serving.policies import LogSpec, SecuritySpec, is_loopback, strictest
from mlops_desktop.serving.tokens import TOKENS_FILE, Scope, TokenFile
from mlops_desktop.workspace import Workspace

NOW = datetime(2013, 1, 2, tzinfo=UTC)


def test_a_token_is_found_by_its_text_and_its_text_is_nowhere(tmp_path: Path) -> None:
    token, text = tokens.make(tmp_path, "anna", (Scope.PREDICT,), NOW)
    path = tmp_path / TOKENS_FILE
    assert TokenFile(path).find(text) == token
    assert text.rpartition("_")[2] not in path.read_text() and path.stat().st_mode & 0o777 == 0o600
    for wrong in ("", "mlops_", text[:-1], text + "x", text.replace("mlops", "other"), f"mlops_{token.id}_", "é" * 50):
        assert TokenFile(path).find(wrong) is None
    assert (token.allows(Scope.PREDICT), token.allows(Scope.FEEDBACK)) == (True, False)


def test_names_are_taken_once_and_free_again_after_they_were_revoked(tmp_path: Path) -> None:
    _, text = tokens.make(tmp_path, "anna", (Scope.ADMIN,), NOW)
    with pytest.raises(Conflict, match="anna"):
        tokens.make(tmp_path, "anna", (Scope.ADMIN,), NOW)
    tokens.revoke(tmp_path, "anna")
    assert TokenFile(tmp_path / TOKENS_FILE).find(text) is None
    with pytest.raises(NotFound):
        tokens.revoke(tmp_path, "anna")
    again, _ = tokens.make(tmp_path, "anna", (Scope.ADMIN,), NOW)
    assert again.allows(Scope.FEEDBACK) and tokens.read(tmp_path) == (again,)


def test_a_damaged_file_lets_nobody_in_and_is_told(tmp_path: Path) -> None:
    _, text = tokens.make(tmp_path, "anna", (Scope.PREDICT,), NOW)
    (tmp_path / TOKENS_FILE).write_text("{")
    assert TokenFile(tmp_path / TOKENS_FILE).find(text) is None
    with pytest.raises(Damaged):
        tokens.read(tmp_path)


def test_each_change_of_tokens_is_in_the_journal_without_the_token(tmp_path: Path) -> None:
    workspace = Workspace.create(tmp_path / "workspace", actor="tester")
    _, text = workspace.tokens.make("anna", [Scope.PREDICT, Scope.FEEDBACK])
    workspace.tokens.revoke("anna")
    with pytest.raises(NotFound):
        workspace.tokens.revoke("anna")
    for wrong in ("", "a\nb", "a/b"):
        with pytest.raises(InvalidInput):
            workspace.tokens.make(wrong)
    events = [event for event in workspace.registry.journal.newest(10) if event.kind == "serving.token.changed"]
    assert sorted(event.payload["change"] for event in events) == ["made", "revoked"]
    assert not any(text.rpartition("_")[2] in msgspec.json.encode(event).decode() for event in events)
    assert workspace.registry.journal.verify().intact
    workspace.close()


def test_a_client_has_its_burst_and_then_its_rate() -> None:
    limiter = RateLimiter(2.0, 3)
    assert [limiter.wait_for("a", 10.0) for _ in range(4)] == [0, 0, 0, 0.5]
    assert limiter.wait_for("b", 10.0) == 0
    assert limiter.wait_for("a", 10.25) == 0.25
    assert limiter.wait_for("a", 10.5) == 0 and limiter.wait_for("a", 10.5) > 0
    assert [limiter.wait_for("a", 100.0) for _ in range(4)][2:] == [0, 0.5]


def test_clients_that_come_and_go_take_no_memory_for_good() -> None:
    limiter = RateLimiter(1.0, 1)
    for number in range(MOST_CLIENTS + 50):
        limiter.wait_for(str(number), 0.0)
    assert len(limiter._buckets) == MOST_CLIENTS


@pytest.mark.parametrize("wrong", [{"share": 0}, {"share": 1.1}, {"segment_mb": 0}, {"keep_days": -1}, {"stric": True}])
def test_rules_of_the_log_that_make_no_sense_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(wrong, LogSpec)


def test_a_spec_names_what_is_wrong_with_its_rules(tmp_path: Path) -> None:
    for wrong in ({"connections": 0}, {"host": "0.0.0.0"}, {"host": "example.org", "certificate": "a"}):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(wrong, SecuritySpec)


def test_of_several_endpoints_the_strictest_rules_hold_and_there_is_one_address() -> None:
    one, other = SecuritySpec(demand_tokens=True, body_mb=8), SecuritySpec(requests_per_second=5, connections=10)
    both = strictest([one, other])
    assert (both.demand_tokens, both.body_mb, both.requests_per_second, both.connections) == (True, 8, 5, 10)
    assert strictest([]) == SecuritySpec()
    with pytest.raises(InvalidInput, match="different addresses"):
        strictest([one, SecuritySpec(host="::1")])


def test_what_only_this_machine_can_reach_is_known() -> None:
    assert all(map(is_loopback, ("127.0.0.1", "127.8.0.1", "::1", "localhost")))
    assert not any(map(is_loopback, ("0.0.0.0", "::", "192.168.1.2", "example.org", "")))
