"""The widgets that pages are made of, one module each. None knows the workspace: pages give them values.

| module | what |
|---|---|
| `navigation` | `NavigationRail`, `RailItem`: pages at the left, with badges |
| `commandbar` | `CommandBar`: path, actions, search |
| `palette` | `CommandPalette`, `Command`: Ctrl+K |
| `card` | `Card`, `SectionHeader` |
| `keyfigure` | `KeyFigure`: 28 px number, change, sparkline |
| `chips` | `StatusChip`: shape, word and colour of a status of `theme.status` |
| `banner` | `Banner`: info, warning or error across a page |
| `emptystate` | `EmptyState`: loading, never set up, nothing matches, error |
| `datatable`, `tablemodel` | `DataTable`, `ColumnSpec`, `Kind`, `TableModel`: a million rows |
| `tabs` | `PageTabs` |
| `lifecycle` | `LifecycleStrip`, `StepState` |
| `player` | `PlayerControls`, `Segmented` |
| `rollout` | `SplitSlider`, `ModelCompare`, `ComparedMetric`, `GuardrailList` |
| `jobs` | `JobsDrawer`, `Job` |
| `notifications`, `toasts` | `NoticeLog` (no Qt in it), `Toasts` |
| `confirm` | `ConfirmSheet`, `Confirmation`, `Change` |
| `inspector` | `InspectorPanel`, `FactList` |
| `plainlog` | `PlainLog`, `LogLine` |
| `forms` | `FormField`, `text_field`, `choice_field`, `button_row` |
| `buttons`, `labels`, `figures` | `button`, `icon_button`; `Label`, `caption`, `body`; numbers as text |
"""
