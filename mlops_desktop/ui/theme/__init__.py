"""The look of the window: tokens, palette, stylesheet, fonts, icons, status shapes.

Use it like this:

    from mlops_desktop.ui.theme import apply, fonts, icons
    from mlops_desktop.ui.theme.apply import Theme, apply_theme, current, theme_signals

    apply_theme(app, Theme.SYSTEM)                  # once at the start, and again to switch
    colour = current().accent                       # in a paintEvent: the tokens of the moment
    theme_signals().changed.connect(self._on_theme_changed)     # for what caches colours
    label.setFont(fonts.font(fonts.Type.SECTION, fonts.SEMIBOLD))
    icons.set_icon(button, "refresh")               # follows the theme by itself

Widgets that paint with `current()` in `paintEvent` need no signal: a new palette repaints them.
Push buttons take their look from the property `kind`: `primary`, `danger`, `quiet`, or none.
"""
