"""Colours and measures of the design system, one frozen value per theme."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

SPACE_1, SPACE_2, SPACE_3, SPACE_4, SPACE_6, SPACE_8 = 4, 8, 12, 16, 24, 32
RADIUS = 8
CONTROL_RADIUS = 6
RAIL_WIDTH, RAIL_COLLAPSED = 216, 56
COMMAND_BAR_HEIGHT = 48
INSPECTOR_WIDTH = 360
ROW_COMPACT, ROW_COMFORTABLE = 28, 36
MINIMUM_WINDOW = (1180, 720)


class Tone(StrEnum):
    """What a colour pair means. It never speaks alone: a shape and a word go with it."""

    OK = "ok"
    WARNING = "warning"
    CRITICAL = "critical"
    INFO = "info"
    NEUTRAL = "neutral"


@dataclass(frozen=True)
class ToneColours:
    """Text colour and the fill that it stands on."""

    text: str
    fill: str


@dataclass(frozen=True)
class Tokens:
    """All colours of a theme as `#RRGGBB`.

    `baseline` is for what is known (reference, champion), `questioned` for what is new or under question (current
    data, challenger). `series` are the hues of charts, at most four in one; `heat` runs from slight to severe.
    """

    name: str
    background: str
    surface: str
    hover: str
    text: str
    secondary: str
    hairline: str
    control_border: str
    accent: str
    on_accent: str
    ok: ToneColours
    warning: ToneColours
    critical: ToneColours
    info: ToneColours
    neutral: ToneColours
    series: tuple[str, ...]
    baseline: str
    questioned: str
    heat: tuple[str, ...]

    @property
    def is_dark(self) -> bool:
        return self.name == "dark"

    def tone(self, tone: Tone) -> ToneColours:
        """Text and fill of a tone."""
        colours: ToneColours = getattr(self, tone.value)
        return colours


_HEAT = ("#FFFFE5", "#FEE391", "#FEC44F", "#FB9A29", "#EC7014", "#CC4C02", "#8C2D04")

LIGHT = Tokens(
    name="light",
    background="#F6F7F9",
    surface="#FFFFFF",
    hover="#EEF1F5",
    text="#1B2330",
    secondary="#566072",
    hairline="#D8DDE5",
    control_border="#7D8798",
    accent="#1F5FBF",
    on_accent="#FFFFFF",
    ok=ToneColours("#146C40", "#E3F4EA"),
    warning=ToneColours("#8F5A00", "#FCF0D9"),
    critical=ToneColours("#B42318", "#FDE7E4"),
    info=ToneColours("#1F5FBF", "#E5EEFB"),
    neutral=ToneColours("#566072", "#ECEFF3"),
    series=("#0072B2", "#D55E00", "#00805A", "#AA3377", "#7A6200", "#4B5563"),
    baseline="#6B7A90",
    questioned="#D55E00",
    heat=_HEAT,
)

DARK = Tokens(
    name="dark",
    background="#12161D",
    surface="#1A2029",
    hover="#232B36",
    text="#E7EBF1",
    secondary="#A3AEBF",
    hairline="#323C4A",
    control_border="#6B7789",
    accent="#7FB0FF",
    on_accent="#12161D",
    ok=ToneColours("#5CCB8F", "#16332A"),
    warning=ToneColours("#F0B44C", "#3A2D14"),
    critical=ToneColours("#FF8A7A", "#42201D"),
    info=ToneColours("#7FB0FF", "#1B2F50"),
    neutral=ToneColours("#A3AEBF", "#2A323E"),
    series=("#56B4E9", "#E69F00", "#2FC79A", "#F09BC8", "#F0E442", "#C3CAD6"),
    baseline="#6B7A90",
    questioned="#E69F00",
    heat=_HEAT,
)


def luminance(colour: str) -> float:
    """Relative luminance of `#RRGGBB` in [0, 1], as WCAG 2 defines it."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first: str, second: str) -> float:
    """Contrast ratio of two colours, from 1 to 21 (WCAG 2)."""
    dark, light = sorted((luminance(first), luminance(second)))
    return (light + 0.05) / (dark + 0.05)


def readable_on(fill: str) -> str:
    """The text colour, near black or white, that contrasts more with `fill`."""
    return max((LIGHT.text, "#FFFFFF"), key=lambda colour: contrast(colour, fill))
