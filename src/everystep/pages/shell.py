"""The shell of a page: one HTML file that asks the network for nothing and lets nothing foreign run."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from importlib.resources import files

from markupsafe import Markup, escape

from everystep.errors import ArgumentError
from everystep.pages.labels import label
from everystep.pages.palette import colour_rules

_PAGE = Markup("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>{title}</title>
<link rel="icon" href="data:,">
<style>{style}</style>
</head>
<body>
<main>
{body}
</main>
{script}
</body>
</html>
""")


def page(title: str, body: Markup | str, *, style: str = "", script: str | None = None) -> str:
    """Make one self-contained HTML page.

    The page's security policy admits its one style sheet and its one script by their hashes, pictures written into the
    page, and nothing else: no ``style=`` or ``onclick=`` attributes, no network.

    Args:
        title: Plain text for the title bar.
        body: What stands in ``<main>``. A ``Markup`` is taken as it is; a plain string is escaped.
        style: CSS after the project's own style sheet.
        script: One script, run at the end of the page.

    Returns:
        The HTML, ASCII-safe in nothing: write it as UTF-8.

    Raises:
        ArgumentError: ``style`` or ``script`` holds its own closing tag.

    Example:
        >>> from everystep.pages import Markup, page
        >>> html = page("A & B", Markup("<p>{}</p>").format("<script>alert(1)</script>"))
        >>> "<title>A &amp; B</title>" in html, "<script>" in html
        (True, False)
    """
    sheet = _inner("style", colour_rules() + _sheet() + style)
    code = None if script is None else _inner("script", script)
    return str(
        _PAGE.format(
            policy=_policy(sheet, code),
            title=label(title, limit=120),
            style=Markup(sheet),  # noqa: S704 - the project's own CSS, which escaping would break
            body=escape(body),
            script="" if code is None else Markup(f"<script>{code}</script>"),  # noqa: S704 - likewise, and held by its hash
        )
    )


def _sheet() -> str:
    return files("everystep.pages").joinpath("page.css").read_text(encoding="utf-8")


def _inner(tag: str, text: str) -> str:
    """Give the text as the browser will hash it; refuse text that would end its own element."""
    if f"</{tag}" in text.lower() or "<!--" in text:
        raise ArgumentError(f'page: {tag} holds "</{tag}" or "<!--"; write it in another way, it would end early.')
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _policy(sheet: str, code: str | None) -> str:
    rules = [
        "default-src 'none'",
        f"style-src '{_digest(sheet)}'",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
    ]
    if code is not None:
        rules.append(f"script-src '{_digest(code)}'")
    return "; ".join(rules)


def _digest(text: str) -> str:
    return "sha256-" + b64encode(sha256(text.encode()).digest()).decode()
