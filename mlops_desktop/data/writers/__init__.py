"""Writers of file formats, one module per kind.

What a format carries, for the types that a dataset holds:

| format         | types                  | missing and `""`       | NaN, infinity  | times                      |
|----------------|------------------------|------------------------|----------------|----------------------------|
| parquet, arrow | all                    | differ                 | kept           | all, with their zone       |
| csv, tsv       | found out when read    | differ, `""` is quoted | kept           | a zone becomes its offset  |
| json, jsonl    | text, number, boolean  | differ                 | become missing | text, a zone as its offset |
| excel          | those and times        | `""` becomes missing   | become missing | to the millisecond, in UTC |

Where types are not kept, those that the dataset has had, or `ReadOptions.types`, give them back when the file is read:
a text such as `007` is a number otherwise. Excel holds 1,048,575 rows and 16,384 columns. -0.0 and 0.0 are one value to
this program, and a format may write either.
"""

from __future__ import annotations

from mlops_desktop.data.writers.base import Format, Writer
from mlops_desktop.data.writers.columnar import ARROW, PARQUET
from mlops_desktop.data.writers.delimited import CSV, TSV
from mlops_desktop.data.writers.excel import EXCEL
from mlops_desktop.data.writers.json_files import JSON, JSON_LINES
from mlops_desktop.data.writers.packing import SUFFIXES, packed

__all__ = ["BY_EXTENSION", "FORMATS", "PARQUET", "SUFFIXES", "Format", "Writer", "packed"]

FORMATS = {format_.name: format_ for format_ in (PARQUET, CSV, TSV, ARROW, JSON, JSON_LINES, EXCEL)}
BY_EXTENSION = {extension: format_ for format_ in FORMATS.values() for extension in format_.extensions}
