"""What becomes of a step, as data and as text that a person reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from textwrap import wrap
from typing import TYPE_CHECKING

from everystep.errors import unknown

if TYPE_CHECKING:
    from everystep.compiler.costs import Cost
    from everystep.compiler.plan import Plan

_WIDTH = 100  # columns
_TOLD = (
    ("prepared", "from parameters alone, once per call"),
    ("hoisted", "out of the loop, before it"),
    ("sunk", "out of the loop, after it"),
    ("kept", "at every step, for the backward pass"),
    ("recomputed", "in the backward pass"),
    ("deferred", "weight gradients, after the backward loop"),
)
_PASSES = (
    ("training", "Forward, with gradients (without, nothing is kept)"),
    ("backward", "Backward"),
)


@dataclass(frozen=True, repr=False)
class Explanation:
    """What :func:`~everystep.explain` found; ``print`` it, or read its parts.

    Attributes:
        who: The cell.
        engine: The engine that runs it.
        why: Why this one; where the step can't be compiled, which line keeps it from that, and the mend.
        step: The step as it was traced: formulas, each with the line that it comes from.
        dtype: Of the numbers.
        graphs: The graphs as text: ``trace``, ``simplified``, and the ``backward`` step. A look at a parameter is
            written ``W[first element + stride + stride: shape]``.
        prepared: What torch computes once per call, from parameters alone.
        hoisted: Values that are computed before the loop, for many steps at once.
        sunk: Values that are computed after the loop, for many steps at once.
        kept: Values that a forward pass with gradients leaves at every step for the backward pass.
        recomputed: Values of the forward step that the backward pass computes again.
        deferred: Gradients of parameters, each one product after the backward loop.
        plans: The very plans that are compiled: ``inference``, ``training``, ``backward``. Empty where none is.
        loops: The same as pseudo-code.
        costs: What each pass takes for one step of one row.
        kept_bytes: Bytes of what is kept, for one step of one row.
    """

    who: str
    engine: str
    why: str
    dtype: str
    step: str = ""
    graphs: Mapping[str, str] = field(default_factory=dict)
    prepared: tuple[str, ...] = ()
    hoisted: tuple[str, ...] = ()
    sunk: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    recomputed: tuple[str, ...] = ()
    deferred: tuple[str, ...] = ()
    plans: Mapping[str, Plan] = field(default_factory=dict)
    loops: Mapping[str, str] = field(default_factory=dict)
    costs: Mapping[str, Cost] = field(default_factory=dict)
    kept_bytes: int = 0

    def __str__(self) -> str:
        lines = [f"{self.who}, {self.dtype}", f"runs on {self.engine}: {self.why.rstrip('.')}."]
        if self.plans:
            lines += ["", "The step", _indented(self.step), "", *self._told()]
            for name, title in _PASSES:
                lines += ["", title, _indented(self.loops[name])]
            lines += ["", *self._cost_table()]
        return "\n".join(lines)

    __repr__ = __str__

    def llvm(self, name: str = "inference", target: str = "") -> str:
        """Write the text that LLVM is given for a pass.

        Args:
            name: ``inference``, ``training`` or ``backward``.
            target: ``avx512``, ``avx2``, ``portable`` or ``neon``; that of this machine if empty.

        Raises:
            UnknownNameError: There is no such pass, or no such target.
        """
        from everystep.engines.llvm.explaining import llvm_text  # loads LLVM, which takes a while

        if name not in self.plans:
            raise unknown("explain", "pass", name, self.plans)
        return llvm_text(self.plans[name], self.dtype, backward=name == "backward", target=target)

    def _repr_html_(self) -> str:
        return f"<pre>{escape(str(self))}</pre>"

    def _told(self) -> list[str]:
        """One paragraph for each thing that is done to a step."""
        lines = []
        for name, where in _TOLD:
            values = getattr(self, name)
            if name == "deferred":  # what is told below
                values = [value.partition(" += ")[0] for value in values]
            nothing = "nothing besides what is put out" if name == "kept" else "nothing"
            text = f"{name:<12}{where}: {', '.join(values) or nothing}"
            lines += wrap(text, _WIDTH, subsequent_indent=" " * 12, break_long_words=False, break_on_hyphens=False)
        return lines

    def _cost_table(self) -> list[str]:
        heads = ("one step of one row", "multiply-adds", "elementwise", "bytes read", "bytes written")
        lines = [f"{heads[0]:<20}" + "".join(f"{head:>15}" for head in heads[1:])]
        lines += [f"{name:<20}" + "".join(f"{n:>15,}" for n in cost) for name, cost in self.costs.items()]
        return [*lines, f"Kept for the backward pass: {self.kept_bytes:,} bytes."]


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.splitlines())
