"""What a drawing says in words: headings for everyone, a title and a description for those who can't see it."""

from __future__ import annotations

from everystep.draw.dependence import Link
from everystep.draw.ink import ordered, strokes
from everystep.draw.lettering import SMALL, number, width
from everystep.draw.subject import Subject


def headings(subject: Subject, room: float) -> list[tuple[str, str]]:
    """Give the heading of the folded cell and that of the unrolled graph, each with a line below it.

    Args:
        subject: What is drawn.
        room: Pixels from the first heading to the second.
    """
    who = subject.who if len(subject.who) * 11 < room else subject.who[: max(int(room / 11) - 1, 6)] + "…"
    if subject.steps == 0:
        return [(who, _folded(subject, room)), ("T = 0", "no step is taken: the state stays where it starts")]
    return [(who, _folded(subject, room)), (f"Unrolled, T = {subject.steps}", _shared(subject))]


def _folded(subject: Subject, room: float) -> str:
    if subject.learned is None:
        return "folded"
    text = f"folded: {_counted(subject.learned, 'number')}" if subject.learned else "folded: nothing to learn"
    return text if width(text, SMALL) < room else "folded"


def title(subject: Subject) -> str:
    """Name the drawing."""
    return f"{subject.who}, folded and unrolled over {_counted(subject.steps, 'step')}"


def describe(subject: Subject) -> str:
    """Tell the drawing to a reader who can't see it."""
    told = "; ".join(_told(subject, link) for link in subject.step.links) or "nothing is connected"
    graph = subject.graph
    text = (
        f"The folded cell: {told}. Unrolled over {_counted(subject.steps, 'step')}: "
        f"{_counted(len(graph.nodes), 'node')} and {_counted(len(graph.edges), 'edge')}."
    )
    if subject.has_gradient:
        inputs = [node for node in graph.nodes if node.kind == "input"]
        shown = ", ".join(f"{number(node.gradient or 0.0)} at {node.name}" for node in inputs[-12:])
        text += f" Gradient of {subject.last}: {shown}."
    return text


def _shared(subject: Subject) -> str:
    labels = ordered((link.parameters for link in subject.step.links), strokes(subject.step))
    names = list(dict.fromkeys(name for label in labels for name in label))
    if not names:
        return "the same step at every t"
    if len(names) > 3 or sum(map(len, names)) > 24:
        return f"the same {len(names)} parameters at every step"
    listed = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
    return f"the same {listed} at every step"


def _told(subject: Subject, link: Link) -> str:
    rows = subject.step.rows
    later = " one step later" if link.delayed else ""
    by = f" through {', '.join(link.parameters)}" if link.parameters else ""
    return f"{rows[link.source].label} to {rows[link.target].label}{later}{by}"


def _counted(count: int, thing: str) -> str:
    return f"{count:,} {thing}{'' if count == 1 else 's'}"
