"""Charts, one module each. They take numpy arrays and the frozen values of `values`, and know nothing of the workspace.

| module | what |
|---|---|
| `values` | `Series`, `Interval`, `Band`, `Span`, `EventMark`, `Distribution`, `Reliability`, `DriftGrid`, … |
| `timechart` | `TimeChart`: lines over time; base of the three below |
| `linking` | `TimeLink`: one time axis and one crosshair for several charts |
| `livechart` | `LiveChart`: the last two minutes, moving on in place |
| `requests` | `RequestsChart`: stacked bars or lines by version |
| `drift` | `DriftChart`: score as a multiple of its threshold |
| `metric` | `MetricChart`: a metric with its interval |
| `events` | `EventLane`: deploy, retrain, canary, promote, rollback, alert |
| `heatmap` | `DriftHeatmap`: feature by window |
| `distribution` | `DistributionChart`: reference filled, current as outline |
| `reliability` | `ReliabilityChart` |
| `sparkline` | `Sparkline`, `MiniHistogram` (no pyqtgraph) |

Every chart has `set_…` for its data, `set_empty(text)`, `export_png`, `export_svg`, `export_csv` (always in the light
theme), and recolours itself when the theme changes. Times are seconds since 1970 in UTC, or `datetime64`.
Importing any but `sparkline` and `values` loads pyqtgraph: build pages lazily.
"""
