"""Programs that ask an endpoint, as text to be copied: for shells, Python, Excel and Node.js. Pure functions."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from string import Template
from typing import Any
from urllib.parse import urlsplit

TOKEN = "paste-a-token-here"  # noqa: S105 - a placeholder


@dataclass(frozen=True)
class Call:
    """What a snippet is filled with: `url` ends in `/predict`, `row` is one row as it is sent."""

    url: str
    row: dict[str, Any]

    @property
    def feedback_url(self) -> str:
        return self.url.removesuffix("/predict") + "/feedback"

    @property
    def body(self) -> dict[str, Any]:
        return {"records": [self.row]}


@dataclass(frozen=True)
class Snippet:
    """`key` and `title` name it (titles are names of programs, in no language); `make` writes it."""

    key: str
    title: str
    make: Callable[[Call], str]


_BASH = Template("""\
TOKEN=$token   # only where the endpoint demands one
curl -sS $url \\
  -H 'Content-Type: application/json' \\
  -H "Authorization: Bearer $$TOKEN" \\
  --data-binary @- <<'END_OF_ROW'
$body
END_OF_ROW
""")

_POWERSHELL = Template("""\
$$token = $token   # only where the endpoint demands one
@'
$body
'@ | curl.exe -sS $url `
  -H 'Content-Type: application/json' `
  -H "Authorization: Bearer $$token" `
  --data-binary '@-'
""")

_PYTHON = Template("""\
import json
import urllib.request

URL = $url
TOKEN = $token  # only where the endpoint demands one

row = $row


def post(url, body):
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {TOKEN}"}
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


answer = post(URL, {"records": [row]})
print(answer["predictions"][0], answer["probabilities"], "by version", answer["version"])

# Once the true outcome is known (the token needs the scope "feedback"):
# post($feedback_url, {"labels": [{"id": answer["inference_ids"][0], "label": "…"}]})
""")

_PANDAS = Template("""\
import json
import urllib.request

import pandas as pd

URL = $url
TOKEN = $token  # only where the endpoint demands one

rows = pd.DataFrame([$row])  # or pd.read_csv("rows.csv")

headers = {"Content-Type": "application/json", "Authorization": f"Bearer {TOKEN}"}
body = '{"records": ' + rows.to_json(orient="records") + "}"
request = urllib.request.Request(URL, body.encode(), headers)
with urllib.request.urlopen(request, timeout=60) as response:
    answer = json.load(response)

rows["prediction"] = answer["predictions"]
for name, values in answer["probabilities"].items():
    rows[f"probability_{name}"] = values
rows["inference_id"] = answer["inference_ids"]
print(rows[["prediction", "inference_id"]])
""")

# Web.Contents sends a POST where it is given Content; it then takes no other credentials than "Anonymous", and the
# token travels in the header. Without ManualStatusHandling a refusal would not tell its reason.
_POWER_QUERY = Template("""\
let
    Features = $names,
    // Needed only where the endpoint demands one. When Excel asks how to sign in, choose Anonymous.
    Token = $token,
    Source = Excel.CurrentWorkbook(){[Name = "Table1"]}[Content],
    // One row to try it with, in place of the line above:
    // Source = #table(Features, {$values}),
    Rows = Table.SelectColumns(Source, Features, MissingField.UseNull),
    Response = Web.Contents(
        $base,
        [
            RelativePath = $path,
            Headers = [#"Content-Type" = "application/json", #"Authorization" = "Bearer " & Token],
            Content = Json.FromValue([records = Table.ToRecords(Rows)]),
            ManualStatusHandling = {400, 401, 403, 404, 413, 503}
        ]
    ),
    Answer = Json.Document(Response),
    Checked = if Record.HasFields(Answer, "error") then error Answer[error] else Answer,
    Probabilities = Record.FieldNames(Checked[probabilities]),
    Results = Table.FromColumns(
        {Checked[predictions]} & Record.FieldValues(Checked[probabilities]) & {Checked[inference_ids]},
        {"prediction"} & List.Transform(Probabilities, each "probability " & _) & {"inference id"}
    ),
    WithAnswers = Table.FromColumns(
        Table.ToColumns(Source) & Table.ToColumns(Results),
        Table.ColumnNames(Source) & Table.ColumnNames(Results)
    )
in
    WithAnswers
""")

_NODE = Template("""\
const url = $url;
const token = $token; // only where the endpoint demands one

const response = await fetch(url, {
  method: "POST",
  headers: { "Content-Type": "application/json", Authorization: `Bearer $${token}` },
  body: JSON.stringify($body),
});
const answer = await response.json();
if (!response.ok) throw new Error(answer.error);
console.log(answer.predictions[0], answer.probabilities, answer.inference_ids[0]);
""")


def bash(call: Call) -> str:
    """curl in a POSIX shell; the row goes in as it is, whatever quotes it holds."""
    return _BASH.substitute(token=_shell(TOKEN), url=_shell(call.url), body=_json(call.body))


def power_shell(call: Call) -> str:
    """curl in PowerShell, where 5.1 sends ASCII alone to other programs: JSON escapes the rest."""
    return _POWERSHELL.substitute(token=_single(TOKEN), url=_single(call.url), body=_json(call.body, ascii_only=True))


def python(call: Call) -> str:
    """Python with nothing but its standard library."""
    return _PYTHON.substitute(
        token=_text(TOKEN), url=_text(call.url), feedback_url=_text(call.feedback_url), row=_python(call.row)
    )


def pandas(call: Call) -> str:
    """A data frame in, the same with prediction and probabilities out."""
    return _PANDAS.substitute(token=_text(TOKEN), url=_text(call.url), row=_python(call.row))


def power_query(call: Call) -> str:
    """M for Excel's Power Query: a table's rows in, the table with its answers out."""
    parts = urlsplit(call.url)
    names, values = ("{" + ", ".join(map(_m, found)) + "}" for found in (call.row, call.row.values()))
    base = f"{parts.scheme}://{parts.netloc}"
    return _POWER_QUERY.substitute(token=_m(TOKEN), base=_m(base), path=_m(parts.path[1:]), names=names, values=values)


def node(call: Call) -> str:
    """JavaScript for Node.js; web pages of other origins are not answered."""
    return _NODE.substitute(token=_text(TOKEN), url=_text(call.url), body=_json(call.body))


SNIPPETS = (
    Snippet("bash", "curl (bash)", bash),
    Snippet("powershell", "curl (PowerShell)", power_shell),
    Snippet("python", "Python", python),
    Snippet("pandas", "Python, pandas", pandas),
    Snippet("power query", "Excel, Power Query", power_query),
    Snippet("node", "Node.js", node),
)


# Literals of each language


def _json(value: Any, *, ascii_only: bool = False) -> str:
    return json.dumps(value, indent=2, ensure_ascii=ascii_only)


def _shell(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def _single(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _text(text: str) -> str:
    """A literal of both Python and JavaScript."""
    return json.dumps(text, ensure_ascii=False)


def _python(row: dict[str, Any]) -> str:
    values = {name: _text(value) if isinstance(value, str) else repr(value) for name, value in row.items()}
    return "{\n" + "".join(f"    {_text(name)}: {value},\n" for name, value in values.items()) + "}"


def _m(value: Any) -> str:
    """A literal of M, where `#(` begins an escape and quotes are doubled."""
    if isinstance(value, str):
        return '"' + "".join(_M_ESCAPES.get(letter, letter) for letter in value.replace("#(", "#(#)(")) + '"'
    words = {None: "null", True: "true", False: "false"}
    return words[value] if value is None or isinstance(value, bool) else repr(value)


_M_ESCAPES = {'"': '""', "\n": "#(lf)", "\r": "#(cr)", "\t": "#(tab)"}
