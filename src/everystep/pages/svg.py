"""SVG made fit to stand in a page: no style attributes, ids of its own, the page's colours, a name for every reader."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from hashlib import sha256
from xml.etree import ElementTree as ET

from markupsafe import Markup

from everystep.pages.labels import label
from everystep.pages.palette import role_of

SVG = "http://www.w3.org/2000/svg"
CLASS = "class-"  # an id class-NAME becomes the class NAME, for matplotlib knows ids only
_LINK = "{http://www.w3.org/1999/xlink}href"
_GONE = {f"{{{SVG}}}metadata", f"{{{SVG}}}style"}
_LONG_NUMBER = re.compile(r"-?\d+\.\d{2,}(?:e-?\d+)?")
_REFERENCE = re.compile(r"url\(#([^)]+)\)")
_NUMBERS_IN = (
    "d",
    "points",
    "transform",
    "x",
    "y",
    "x1",
    "x2",
    "y1",
    "y2",
    "cx",
    "cy",
    "r",
    "width",
    "height",
    "viewBox",
)

ET.register_namespace("", SVG)


def embed(svg: str, *, title: str, alt: str, classes: str = "chart") -> Markup:
    """Make an SVG safe and readable inside a page, and still a file of its own.

    Style attributes become plain attributes (the page's policy admits no inline style), ids get a prefix that no other
    picture has, colours of the palette follow the page's light or dark, and ``title`` and ``alt`` name it to a reader
    who can't see it.

    Args:
        svg: The SVG, as matplotlib or ``everystep.draw`` writes it.
        title: A short name.
        alt: What the picture shows, in a sentence or two.
        classes: CSS classes of the ``<svg>`` element.

    Returns:
        The SVG element, ready for a page.

    Example:
        >>> from everystep.pages import embed
        >>> svg = '<svg xmlns="http://www.w3.org/2000/svg"><path d="M0 0" style="stroke: #003f7d"/></svg>'
        >>> print(embed(svg, title="W", alt="a line"))  # doctest: +ELLIPSIS
        <svg ...<path d="M0 0" stroke="#003f7d" class="stroke-W" /></svg>
    """
    root = ET.fromstring(svg)  # noqa: S314 - written by this program, never fetched
    _remove_styles(root)
    for element in root.iter():
        _plain_attributes(element)
    _own_ids(root, seed=f"{title}{alt}{classes}")
    _name(root, label(title, 120), label(alt, 600))
    root.set("class", classes)
    root.set("font-family", "system-ui, sans-serif")
    for side in ("width", "height"):
        if side in root.attrib:
            root.set(side, root.attrib[side].removesuffix("pt"))  # matplotlib's points are drawn as pixels
    root.tail = None
    return Markup(ET.tostring(root, encoding="unicode"))  # noqa: S704 - ElementTree has escaped it


def _remove_styles(root: ET.Element) -> None:
    for parent in root.iter():
        for child in [child for child in parent if child.tag in _GONE]:
            parent.remove(child)


def _plain_attributes(element: ET.Element) -> None:
    for name, value in _declarations(element.attrib.pop("style", "")):
        element.set(name, value)
    if _LINK in element.attrib:
        element.set("href", element.attrib.pop(_LINK))
    for name in _NUMBERS_IN:
        if name in element.attrib:
            element.set(name, _LONG_NUMBER.sub(_rounded, element.attrib[name]).strip())
    roles = [f"{kind}-{role}" for kind in ("fill", "stroke") if (role := role_of(element.get(kind, "")))]
    if roles:
        element.set("class", " ".join([*element.get("class", "").split(), *roles]))


def _declarations(style: str) -> Iterator[tuple[str, str]]:
    for declaration in filter(None, map(str.strip, style.split(";"))):
        name, _, value = (part.strip() for part in declaration.partition(":"))
        if name != "font-family":  # the page's
            yield from _font(value) if name == "font" else [(name, value)]


def _font(value: str) -> Iterator[tuple[str, str]]:
    """Take size, weight and slant out of a CSS font; the family is the page's."""
    before, size, _ = re.split(r"([\d.]+px)", value, maxsplit=1)
    yield "font-size", size
    for word in before.split():
        if word in {"italic", "oblique"}:
            yield "font-style", word
        elif word == "bold" or word.isdigit():
            yield "font-weight", word


def _rounded(match: re.Match[str]) -> str:
    value = float(match.group())
    # Two decimals are a hundredth of a pixel; a scale factor below one needs more.
    return f"{value:.6g}" if abs(value) < 1 else f"{value:.2f}".rstrip("0").rstrip(".")


def _own_ids(root: ET.Element, seed: str) -> None:
    """Number the ids that something points to, behind a prefix made of all that is drawn; drop the rest."""
    used = {link for element in root.iter() for link in _links(element)}
    numbered: dict[str, str] = {}
    for element in root.iter():
        given = element.attrib.pop("id", "")
        if given.startswith(CLASS):
            element.set("class", given.removeprefix(CLASS))
        elif given in used:
            numbered[given] = str(len(numbered))
            element.set("id", given)
    _rename(root, numbered)
    prefix = "p" + sha256(seed.encode() + ET.tostring(root)).hexdigest()[:8]
    _rename(root, {number: f"{prefix}-{number}" for number in numbered.values()})
    root.set("aria-labelledby", f"{prefix}-title {prefix}-desc")


def _rename(root: ET.Element, names: Mapping[str, str]) -> None:
    for element in root.iter():
        for name, value in element.attrib.items():
            if name == "id":
                element.set(name, names[value])
            elif name == "href" and value.startswith("#"):
                element.set(name, f"#{names.get(value[1:], '')}")
            elif "url(#" in value:
                element.set(name, _REFERENCE.sub(lambda found: f"url(#{names.get(found[1], '')})", value))


def _links(element: ET.Element) -> Iterator[str]:
    for name, value in element.attrib.items():
        if name == "href" and value.startswith("#"):
            yield value[1:]
        yield from _REFERENCE.findall(value)


def _name(root: ET.Element, title: str, alt: str) -> None:
    for child in [child for child in root if child.tag in {f"{{{SVG}}}title", f"{{{SVG}}}desc"}]:
        root.remove(child)
    ids = root.get("aria-labelledby", "").split()
    for tag, text, id_ in (("desc", alt, ids[1]), ("title", title, ids[0])):
        element = ET.Element(f"{{{SVG}}}{tag}", {"id": id_})
        element.text = text
        root.insert(0, element)
    root.set("role", "img")
