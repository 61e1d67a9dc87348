"""What a page has to look like, checked in a real browser: on a wide screen, a phone, a dark screen and paper.

``complaints(browser, html, folder)`` gives a list of sentences; a page that looks right gives an empty one.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

SMALLEST_TEXT = 12.0  # CSS pixels as seen, after every scaling
CONTRAST = 4.5  # WCAG 2.2, level AA, for text of ordinary size


@dataclass(frozen=True)
class View:
    name: str
    width: int
    height: int
    scheme: str = "light"
    media: str = "screen"


VIEWS = (
    View("wide", 1280, 900),
    View("phone", 390, 844),
    View("dark", 1280, 900, scheme="dark"),
    View("paper", 725, 1000, media="print"),  # A4 at 96 dots an inch, less the margins of the style sheet
)

# The ink of a line lies well inside its box of ascent and descent: 15 % is cut at top and bottom, 1 px at the sides.
_LOOK = """
() => {
  const seen = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const lum = c => { const f = c.map(v => (v /= 255) <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
                     return .2126 * f[0] + .7152 * f[1] + .0722 * f[2]; };
  const rgb = text => (text.match(/[\\d.]+/g) || []).map(Number);
  const ground = e => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor);
                        if (c.length == 3 || c[3] > .5) return c.slice(0, 3); } return [255, 255, 255]; };
  while (walker.nextNode()) {
    const node = walker.currentNode, e = node.parentElement;
    if (!node.data.trim() || ['SCRIPT', 'STYLE', 'title', 'desc'].includes(e.tagName)) continue;
    if (!e.checkVisibility({visibilityProperty: true, opacityProperty: true})) continue;
    const svg = e.closest('svg'), style = getComputedStyle(e), range = document.createRange();
    const m = svg ? e.getScreenCTM() : null;
    const scale = m ? Math.sqrt(Math.abs(m.a * m.d - m.b * m.c)) : 1;
    range.selectNodeContents(node);
    const a = lum(rgb(svg ? style.fill : style.color)), b = lum(ground(e));
    for (const r of range.getClientRects()) {
      if (r.width < 1) continue;
      const inside = svg ? svg.getBoundingClientRect() : {left: 0, right: innerWidth, top: -1e9, bottom: 1e9};
      seen.push({text: node.data.trim().slice(0, 40), size: parseFloat(style.fontSize) * scale,
        contrast: (Math.max(a, b) + .05) / (Math.min(a, b) + .05),
        out: r.left < inside.left - 1 || r.right > inside.right + 1
          || r.top < inside.top - 2 || r.bottom > inside.bottom + 2,
        box: [r.left + 1, r.top + .15 * r.height, r.right - 1, r.bottom - .15 * r.height]});
    }
  }
  const overlaps = [];
  for (let i = 0; i < seen.length; i++) for (let j = i + 1; j < seen.length; j++) {
    const p = seen[i].box, q = seen[j].box;
    if (p[0] < q[2] && q[0] < p[2] && p[1] < q[3] && q[1] < p[3]) overlaps.push([seen[i].text, seen[j].text]);
  }
  const ids = [...document.querySelectorAll('[id]')].map(e => e.id);
  return {seen: seen.map(({box, ...rest}) => rest), overlaps: overlaps.slice(0, 12),
    twice: [...new Set(ids.filter((id, i) => ids.indexOf(id) != i))],
    nameless: [...document.querySelectorAll('svg[role=img]')]
      .filter(s => !s.querySelector('title')?.textContent).length,
    tall: [...document.querySelectorAll('figure')].map(f => f.getBoundingClientRect().height),
    scroll: [document.documentElement.scrollWidth, innerWidth]};
}
"""


def complaints(browser, html: str, folder: Path, views: tuple[View, ...] = VIEWS) -> list[str]:
    """Open the page in each view and say everything that is wrong with it.

    Args:
        browser: A playwright browser.
        html: The whole page.
        folder: Where the page may be written.
        views: The screens to look at.
    """
    file = folder / "page.html"
    file.write_text(html, encoding="utf-8")
    page = browser.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(f"console {message.type}: {message.text}"))
    page.on("pageerror", lambda error: said.append(f"error in the page: {error}"))
    page.on("dialog", lambda dialog: (said.append(f"a dialog opened: {dialog.message}"), dialog.dismiss()))
    page.on("request", lambda request: said.extend(_foreign(request.url, file)))
    try:
        page.goto(file.as_uri())
        found = [f"{view.name}: {complaint}" for view in views for complaint in _view(page, view)]
    finally:
        page.close()
    return said + found


def _view(page, view: View) -> list[str]:
    page.set_viewport_size({"width": view.width, "height": view.height})
    page.emulate_media(media=view.media, color_scheme=view.scheme)
    return _judge(page.evaluate(_LOOK), view)


def _foreign(url: str, file: Path) -> list[str]:
    return [] if url == file.as_uri() or url.startswith("data:") else [f"asked for {url}"]


def _judge(found: dict, view: View) -> list[str]:
    scroll, inner = found["scroll"]
    wrong = [f"scrolls sideways: {scroll} px in a window of {inner}"] if scroll > inner else []
    wrong += [f"text {a!r} lies over {b!r}" for a, b in found["overlaps"]]
    wrong += [f"id {id_!r} is used twice" for id_ in found["twice"]]
    wrong += [f"{found['nameless']} pictures have no name"] if found["nameless"] else []
    for text in found["seen"]:
        if text["size"] < SMALLEST_TEXT:
            wrong.append(f"text {text['text']!r} is {text['size']:.1f} px")
        if text["contrast"] < CONTRAST:
            wrong.append(f"text {text['text']!r} has a contrast of {text['contrast']:.1f}")
        if text["out"]:
            wrong.append(f"text {text['text']!r} leaves its picture or the window")
    if view.media == "print":
        wrong += [f"a figure of {tall:.0f} px is cut by the page's end" for tall in found["tall"] if tall > view.height]
    return wrong
