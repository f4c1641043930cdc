"""Tokens, palette, fonts, icons and shapes."""

from __future__ import annotations

import os
from collections.abc import Iterator

import numpy as np
import pytest
from PySide6.QtGui import QColor, QFontInfo, QFontMetrics, QImage, QPalette
from PySide6.QtWidgets import QApplication, QPushButton
from pytestqt.qtbot import QtBot

from mlops_desktop.core.deployments import EndpointState, RolloutState
from mlops_desktop.core.monitoring import AlertState, Severity
from mlops_desktop.core.resources import resource_folder
from mlops_desktop.core.runs import RunState
from mlops_desktop.ui.theme import fonts, icons
from mlops_desktop.ui.theme.apply import Theme, apply_theme, current, palette, theme_signals
from mlops_desktop.ui.theme.shapes import Shape, shape_path
from mlops_desktop.ui.theme.status import known_statuses, status_style
from mlops_desktop.ui.theme.tokens import DARK, LIGHT, Tokens, Tone, contrast, readable_on

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

THEMES = pytest.mark.parametrize("tokens", [LIGHT, DARK], ids=["light", "dark"])


@pytest.fixture(autouse=True)
def light(qapp: QApplication) -> Iterator[None]:
    apply_theme(qapp, Theme.LIGHT)
    yield
    apply_theme(qapp, Theme.LIGHT)


def test_contrast_is_that_of_wcag() -> None:
    assert contrast("#000000", "#FFFFFF") == pytest.approx(21.0)
    assert contrast("#777777", "#FFFFFF") == pytest.approx(4.478, abs=0.001)


@THEMES
def test_all_text_has_a_contrast_of_five_or_more(tokens: Tokens) -> None:
    grounds = (tokens.background, tokens.surface, tokens.hover, tokens.info.fill)
    pairs = [(tokens.text, ground) for ground in grounds]
    pairs += [(tokens.secondary, ground) for ground in (tokens.background, tokens.surface, tokens.hover)]
    pairs += [(tokens.accent, tokens.surface), (tokens.on_accent, tokens.accent), (tokens.accent, tokens.background)]
    pairs += [(tokens.tone(tone).text, tokens.tone(tone).fill) for tone in Tone]
    pairs += [(tokens.tone(tone).text, tokens.surface) for tone in Tone]
    pairs += [(tokens.text, tokens.tone(tone).fill) for tone in Tone]
    weak = {pair: round(contrast(*pair), 2) for pair in pairs if contrast(*pair) < 5}
    assert weak == {}


@THEMES
def test_marks_of_charts_stand_out_from_the_surface(tokens: Tokens) -> None:
    for colour in (*tokens.series, tokens.baseline, tokens.questioned, tokens.control_border):
        assert contrast(colour, tokens.surface) >= 3, colour
    for colour in tokens.heat:
        assert contrast(readable_on(colour), colour) >= 4.5, colour


@THEMES
def test_the_palette_holds_the_tokens(tokens: Tokens) -> None:
    made = palette(tokens)
    assert made.color(QPalette.ColorRole.Window) == QColor(tokens.background)
    assert made.color(QPalette.ColorRole.Text) == QColor(tokens.text)
    disabled = made.color(QPalette.ColorGroup.Disabled, QPalette.ColorRole.ButtonText)
    assert disabled == QColor(tokens.secondary)


def test_a_theme_change_is_announced_once_and_after_the_palette(qapp: QApplication, qtbot: QtBot) -> None:
    seen: list[tuple[str, QColor]] = []

    def listen(tokens: Tokens) -> None:
        seen.append((tokens.name, qapp.palette().color(QPalette.ColorRole.Window)))

    theme_signals().changed.connect(listen)
    apply_theme(qapp, Theme.DARK)
    apply_theme(qapp, Theme.DARK)
    theme_signals().changed.disconnect(listen)
    assert seen == [("dark", QColor(DARK.background))]
    assert current() is DARK
    assert qapp.style().objectName() in ("fusion", "") or qapp.styleSheet()


def test_the_system_theme_is_one_of_the_two(qapp: QApplication) -> None:
    assert apply_theme(qapp, Theme.SYSTEM) in (LIGHT, DARK)
    assert theme_signals().theme is Theme.SYSTEM


def test_the_bundled_font_is_used_with_tabular_numerals(qapp: QApplication) -> None:
    made = fonts.font(fonts.Type.FIGURE, fonts.SEMIBOLD)
    assert QFontInfo(made).family() == "Inter"
    assert made.pixelSize() == 28
    metrics = QFontMetrics(made)
    assert metrics.horizontalAdvance("1111") == metrics.horizontalAdvance("8888")


def test_fonts_and_icons_carry_their_licences_and_stay_small() -> None:
    folder = resource_folder("fonts")
    assert sum(path.stat().st_size for path in folder.iterdir()) < 2_000_000
    assert "SIL OPEN FONT LICENSE" in (folder / "Inter-LICENSE.txt").read_text(encoding="utf-8")
    assert (folder / "DejaVu-LICENSE.txt").is_file()
    assert (resource_folder("icons") / "LICENSE.txt").is_file()


def test_every_icon_draws_something_in_the_colour_asked_for(qapp: QApplication) -> None:
    assert len(icons.names()) >= 60
    for name in icons.names():
        image = icons.pixmap(name, "#FF0000", 24, 2.0).toImage().convertToFormat(QImage.Format.Format_RGBA8888)
        pixels = np.frombuffer(image.constBits(), np.uint8).reshape(48, 48, 4)
        inked = pixels[pixels[..., 3] > 200]
        assert len(inked) > 20, name
        assert (inked[:, 0] > 200).all() and (inked[:, 1] < 40).all(), name


def test_an_icon_of_a_button_follows_the_theme(qapp: QApplication, qtbot: QtBot) -> None:
    button = QPushButton()
    qtbot.addWidget(button)
    icons.set_icon(button, "search")
    before = button.icon().pixmap(16).toImage()
    apply_theme(qapp, Theme.DARK)
    assert button.icon().pixmap(16).toImage() != before
    icons.set_icon(button, "close")
    assert sum(type(child).__name__ == "_Binding" for child in button.children()) == 1


def test_an_unknown_icon_is_an_error(qapp: QApplication) -> None:
    with pytest.raises(FileNotFoundError):
        icons.pixmap("no-such-icon", "#000000")


@pytest.mark.parametrize("shape", list(Shape))
def test_every_shape_fills_the_unit_square_and_no_more(shape: Shape) -> None:
    box = shape_path(shape).boundingRect()
    assert max(box.width(), box.height()) >= 0.6
    assert max(abs(box.left()), abs(box.right()), abs(box.top()), abs(box.bottom())) <= 0.56


def test_the_five_statuses_differ_in_shape_word_and_tone() -> None:
    styles = [status_style(word) for word in ("healthy", "drifting", "failing", "unknown", "canary")]
    assert len({style.shape for style in styles}) == 5
    assert [style.word for style in styles] == ["Healthy", "Drifting", "Failing", "Unknown", "Canary"]
    assert len({style.tone for style in styles}) == 5


@pytest.mark.parametrize("kind", [RunState, EndpointState, RolloutState, AlertState, Severity])
def test_every_state_of_the_core_has_a_look(kind: type) -> None:
    assert {state.value for state in kind} <= set(known_statuses())


def test_an_unknown_status_is_shown_as_it_is() -> None:
    style = status_style("hibernating")
    assert (style.word, style.tone) == ("Hibernating", Tone.NEUTRAL)
