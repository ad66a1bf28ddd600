"""The two looks of the app, dark and light; every text colour has a contrast of at least 4.5 to its ground."""

from textual.theme import Theme

DARK = Theme(
    name="recollect-dark",
    primary="#8ab4f8",
    secondary="#c3a6ff",
    accent="#f6c177",
    warning="#f6c177",
    error="#ff8f8f",
    success="#8fd6a3",
    foreground="#e6e6e6",
    background="#14161a",
    surface="#1b1e24",
    panel="#252a33",
    dark=True,
    variables={"dimmed": "#a3abb8", "block-cursor-text-style": "bold"},
)
LIGHT = Theme(
    name="recollect-light",
    primary="#1a56b0",
    secondary="#6b3fb5",
    accent="#8a5200",
    warning="#8a5200",
    error="#b3261e",
    success="#1b6e3c",
    foreground="#1b1e24",
    background="#fafaf7",
    surface="#f1f0ec",
    panel="#e4e2dc",
    dark=False,
    variables={"dimmed": "#555c66", "block-cursor-text-style": "bold"},
)
