"""One colour per role, the same in every picture of the project.

The hues follow Okabe and Ito (2008) and stay apart for colour-blind eyes. W, V and U also climb in lightness
(L* 27, 45, 59), so that a grey print still tells them apart; text in a role's colour has a contrast of at least 4.5
on paper, except U (3.3), whose labels are set in ink.
"""

from __future__ import annotations

from dataclasses import dataclass

from everystep.errors import unknown


@dataclass(frozen=True)
class Role:
    """A colour on white paper, and the same role on a dark screen."""

    light: str
    dark: str


ROLES: dict[str, Role] = {
    "paper": Role("#ffffff", "#15171a"),
    "ink": Role("#1b1b1f", "#ececee"),  # text, and the truth's relative: what is simply so
    "quiet": Role("#5f5f66", "#a8a8b0"),  # captions, tick labels
    "rule": Role("#d8d8de", "#3a3d44"),  # hairlines
    "wash": Role("#f5f5f7", "#1e2126"),  # the ground behind code and cards
    "truth": Role("#1b1b20", "#ececef"),
    "forecast": Role("#a8327a", "#e88bc4"),
    "baseline": Role("#6e6e73", "#9a9aa2"),
    "gradient": Role("#c8321f", "#ff7d66"),
    "gate": Role("#23456b", "#a9c8f0"),
    "W": Role("#003f7d", "#5a95e0"),  # state to state
    "U": Role("#d97400", "#f5c069"),  # input to state
    "V": Role("#007a5a", "#4fc39a"),  # state to output
}


def colour(role: str) -> str:
    """Give a role's colour on white paper.

    Args:
        role: A name in ``ROLES``.

    Returns:
        The colour as ``#rrggbb``; charts turn it into the page's own colour, dark screens included.

    Raises:
        UnknownNameError: There is no such role.

    Example:
        >>> from everystep.pages.palette import colour
        >>> colour("W")
        '#003f7d'
    """
    if role not in ROLES:
        raise unknown("colour", "role", role, ROLES)
    return ROLES[role].light


def role_of(hex_colour: str) -> str | None:
    """Name the role that has this colour on white paper; None where none has."""
    return _BY_COLOUR.get(hex_colour.lower())


def colour_rules() -> str:
    """Write the palette as CSS: a variable and the classes ``fill-*``, ``stroke-*`` for each role.

    A dark screen gets the dark colours, paper never does.
    """
    light = "".join(f"--{name}:{role.light};" for name, role in ROLES.items())
    dark = "".join(f"--{name}:{role.dark};" for name, role in ROLES.items())
    classes = "".join(f".fill-{n}{{fill:var(--{n})}}.stroke-{n}{{stroke:var(--{n})}}" for n in ROLES)
    return f":root{{{light}}}\n@media screen and (prefers-color-scheme:dark){{:root{{{dark}}}}}\n{classes}\n"


_BY_COLOUR = {role.light: name for name, role in ROLES.items()}
