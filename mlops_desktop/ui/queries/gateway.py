"""Asks a running gateway over HTTP, as any client does: predictions for one row, and labels for them."""

from __future__ import annotations

import http.client
import json
import ssl
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from mlops_desktop.core.deployments import Endpoint, EndpointState
from mlops_desktop.core.errors import AppError, Conflict, EnvironmentProblem, InvalidInput
from mlops_desktop.pipelines.engine_state import EndpointTraffic
from mlops_desktop.pipelines.settings import feedback_token, settings_for
from mlops_desktop.ui.queries.serving import addresses, base_url
from mlops_desktop.workspace import Workspace

_TIMEOUT = 10.0
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_EVERYWHERE = ("0.0.0.0", "::", "")  # noqa: S104 - what a gateway may listen on, not what we listen on
_LONGEST_NAME = 60
NO_PORT = "<port>"
"""Stands in an address whose endpoint has never been served."""


@dataclass(frozen=True)
class Address:
    """Where an endpoint answers: `url` ends in `/predict`. A `certificate` (PEM file) is the one that it must show."""

    url: str
    token: str = ""
    certificate: str = ""

    @property
    def feedback_url(self) -> str:
        return self.url.removesuffix("/predict") + "/feedback"


@dataclass(frozen=True)
class Answered:
    """What the gateway said about one row. `milliseconds` are from sending to the last byte of the answer."""

    prediction: Any
    score: float
    probabilities: dict[str, float]
    model: str
    version: int
    role: str
    inference_id: str
    milliseconds: float


class Refused(InvalidInput):
    """The gateway did not take a request. `column` is the one that its message names, empty where it names none."""

    def __init__(self, message: str, *, hint: str = "", column: str = "") -> None:
        super().__init__(message, hint=hint)
        self.column = column


def predict_url(endpoint: Endpoint, traffic: EndpointTraffic | None = None) -> str:
    """The address for rows, as the engine says or as recorded; with `NO_PORT` where it was never served."""
    base = base_url(endpoint, traffic) or f"http://{endpoint.host}:{NO_PORT}"
    return addresses(base, endpoint.name)["predict"]


def address_of(workspace: Workspace, endpoint: str) -> Address:
    """Where an endpoint answers now, with the workspace's own token. Raises `Conflict` while it does not."""
    found = workspace.registry.endpoints.get(endpoint)
    engine = workspace.engine_state()
    if not engine.running:
        raise Conflict("No engine runs in this workspace, so nothing is served.", hint="Start the engine, then send.")
    if found.state is not EndpointState.SERVING:
        raise Conflict(f"{endpoint} is {found.state.value}.", hint="Start it, and send once it serves.")
    traffic = next((each for each in engine.endpoints if each.name == endpoint), None)
    return Address(predict_url(found, traffic), feedback_token(workspace.folder), _certificate(workspace, found.model))


def _certificate(workspace: Workspace, model: str) -> str:
    try:
        return settings_for(workspace.registry, model).serving.security.certificate
    except AppError:
        return ""  # a model without a saved spec is served without TLS


def predict(address: Address, row: dict[str, Any]) -> Answered:
    """Send one row. Raises `Refused`, or `EnvironmentProblem` where nobody answers."""
    answer, milliseconds = _post(address.url, address, {"records": [row]}, row)
    try:
        return Answered(
            answer["predictions"][0],
            answer["scores"][0],
            {name: values[0] for name, values in answer["probabilities"].items()},
            answer["model"],
            answer["version"],
            answer["role"],
            answer["inference_ids"][0],
            milliseconds,
        )
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise EnvironmentProblem(
            "What answered is not a gateway of this program.", hint="Look whether another program has the port."
        ) from error


def send_label(address: Address, inference_id: str, label: str | float) -> int:
    """Send the true outcome of a prediction; returns how many labels were taken. Raises as `predict`."""
    answer, _ = _post(address.feedback_url, address, {"labels": [{"id": inference_id, "label": label}]}, ())
    return int(answer.get("accepted", 0)) if isinstance(answer, dict) else 0


def _post(url: str, address: Address, body: dict[str, Any], columns: Iterable[str]) -> tuple[Any, float]:
    parts = urlsplit(url)
    connection = _connection(parts.scheme, parts.hostname or "", parts.port, address.certificate)
    headers = {"Content-Type": "application/json"} | (
        {"Authorization": f"Bearer {address.token}"} if address.token else {}
    )
    try:
        connection.connect()
        started = time.perf_counter()
        connection.request("POST", parts.path, json.dumps(body), headers)
        response = connection.getresponse()
        content = response.read()
        milliseconds = (time.perf_counter() - started) * 1_000
        found = json.loads(content)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise EnvironmentProblem(
            f"The endpoint did not answer ({error}).", hint="Look at its state above; start it if it is stopped."
        ) from error
    finally:
        connection.close()
    if response.status != http.HTTPStatus.OK:
        raise _refusal(response.status, found, columns)
    return found, milliseconds


def _connection(scheme: str, host: str, port: int | None, certificate: str) -> http.client.HTTPConnection:
    """To this machine, or to whoever shows the endpoint's own certificate: the token must not reach others."""
    host = "127.0.0.1" if host in _EVERYWHERE else host
    if scheme == "https" and certificate:
        context = ssl.create_default_context(cafile=certificate)
        context.check_hostname = False  # only this one certificate is trusted, whatever the name we came by
        return http.client.HTTPSConnection(host, port, timeout=_TIMEOUT, context=context)
    if scheme != "http" or host not in _LOOPBACK:
        raise InvalidInput(f"{scheme}://{host} is not on this machine.", hint="Use the endpoint's own address.")
    return http.client.HTTPConnection(host, port, timeout=_TIMEOUT)


def _refusal(status: int, answer: Any, columns: Iterable[str]) -> Refused:
    message = str(answer.get("error", "")) if isinstance(answer, dict) else ""
    message = message or f"The endpoint answered with status {status}."
    named = (name for name in columns if _names(message, f"'{_shortened(name)}'"))
    hint = "" if status == http.HTTPStatus.BAD_REQUEST else "Try again; the endpoint's state above may say more."
    return Refused(message, hint=hint, column=next(named, ""))


def _names(message: str, column: str) -> bool:
    is_of_one = message.startswith("Column ")
    return message.startswith(f"Column {column}") if is_of_one else column in message


def _shortened(text: str) -> str:
    """As the gateway names columns."""
    return text if len(text) <= _LONGEST_NAME else text[: _LONGEST_NAME - 1] + "…"
