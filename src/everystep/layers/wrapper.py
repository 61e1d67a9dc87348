"""A cell around a cell: what regularises one, for any of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from torch import Tensor

from everystep.cell import Cell, part_shape
from everystep.engines.stepping import described, streams_of
from everystep.errors import ArgumentError, unknown
from everystep.layers.beside import changed, put, taken

Noise = Mapping[str, Tensor]


class Wrapper(Cell[Any]):
    """A cell around a cell: it has the same sizes, the same kind of state and the same start.

    What it does, it does at *places* of a step: at its ``inputs``, its ``outputs``, or a part of the state by name.
    What is random about it is drawn for whole sequences before the loop, while it is being trained.

    Args:
        cell: The cell inside; it may be a wrapper itself.
        steps: Places that get numbers of their own at every step, each with how much.
        rows: Places that get numbers once for a whole sequence, each with how much.

    Attributes:
        changes_y: Whether y is something else than what the innermost cell puts out.
        depth: How many wrappers are inside.
    """

    def __init__(
        self, cell: Cell[Any], *, steps: Mapping[str, float] | None = None, rows: Mapping[str, float] | None = None
    ) -> None:
        who = type(self).__name__
        check_cell(who, cell)
        self.State = cell.State
        super().__init__(cell.input_size, cell.output_size, **cell.part_sizes)
        self.cell = cell
        self.steps = {place: much for place, much in (steps or {}).items() if much}
        self.rows = {place: much for place, much in (rows or {}).items() if much}
        self.check_places({**self.steps, **self.rows})
        inner = cell if isinstance(cell, Wrapper) else None
        self.changes_y = "outputs" in {**self.steps, **self.rows} or (inner is not None and inner.changes_y)
        self.depth = 0 if inner is None else inner.depth + 1

    def initial_state(self, batch_size: int, like: Tensor, context: Any = None) -> Any:
        """Make the state before the first step: that of the cell inside."""
        if context is None:
            return self.cell.initial_state(batch_size, like)
        return self.cell.initial_state(batch_size, like, context)

    @property
    def draws(self) -> bool:
        """Whether something is drawn for an unroll."""
        return (self.training and bool(self.steps or self.rows)) or self.cell.draws

    def noised(self, x: Any, context: Any = None) -> tuple[Any, Any]:
        """Put beside x and context what the cell inside draws, then what this one does."""
        inner_x, inner_context = self.cell.noised(x, context)
        if not self.training:
            return inner_x, inner_context
        like = next(iter(streams_of(x).values()))
        steps, rows = like.shape[:2]
        of_steps = {
            self._named(place): self.drawn(much, (steps, rows, *self.size(place, context)), like)
            for place, much in self.steps.items()
        }
        of_rows = {
            self._named(place): self.drawn(much, (rows, *self.size(place, context)), like)
            for place, much in self.rows.items()
        }
        return put(inner_x, of_steps), put(inner_context, of_rows)

    def step(self, state: Any, x: Any, *context: Any) -> tuple[Any, Tensor]:
        """Take one step of the cell inside, with what this wrapper does around it."""
        if not self.training:
            return self.around({}, state, x, *context)
        who = type(self).__name__
        x, of_step = taken(who, x, list(map(self._named, self.steps)))
        inner, of_row = taken(who, context[0] if context else None, list(map(self._named, self.rows)))
        noise = dict(zip((*self.steps, *self.rows), (*of_step.values(), *of_row.values()), strict=True))
        return self.around(noise, state, x, *(() if inner is None else (inner,)))

    def drawn(self, much: float, shape: tuple[int, ...], like: Tensor) -> Tensor:
        """Draw the numbers of one place."""
        raise NotImplementedError(f"{type(self).__name__} has no drawn.")

    def around(self, noise: Noise, state: Any, x: Any, *context: Any) -> tuple[Any, Tensor]:
        """Take a step, given what was drawn for each place; nothing while it is not being trained."""
        if isinstance(self.input_size, int):
            x = changed(lambda value: self.change("inputs", value, noise), x)
        parts = {part: self.change(part, getattr(state, part), noise) for part in self.part_sizes}
        after, y = self.cell.step(state._replace(**parts), x, *context)
        return after, self.change("outputs", y, noise)

    def change(self, place: str, value: Tensor, noise: Noise) -> Tensor:  # noqa: ARG002
        """Change what enters or leaves the cell inside at a place."""
        return value

    def check_places(self, places: Iterable[str]) -> None:
        """Refuse places that a step of the cell inside does not have."""
        who, known = type(self).__name__, ["inputs", "outputs", *self.part_sizes]
        for place in places:
            if place not in known:
                raise unknown(who, "place", place, known)
            if place == "inputs" and not isinstance(self.input_size, int):
                raise ArgumentError(
                    f"{who}: x of {type(self.cell).__name__} has the streams ({', '.join(self.input_size)}); "
                    "inputs= is for cells that take one."
                )

    def _named(self, place: str) -> str:
        return f"{type(self).__name__.lower()}{self.depth}_{place}"

    def size(self, place: str, context: Any = None) -> tuple[int, ...]:
        """Give the shape of what is at a place, without its batch axis."""
        if place in self.part_sizes:
            return part_shape(self, place, context)
        size = self.input_size if place == "inputs" else self.output_size
        assert isinstance(size, int)
        return (size,)


def check_cell(who: str, cell: Any) -> None:
    """Refuse to wrap what is not a cell."""
    if not isinstance(cell, Cell):
        came = f"the class {cell.__name__}" if isinstance(cell, type) else described(cell)
        raise ArgumentError(f"{who}: cell is {came}; expected a cell, such as LSTM(input_size, hidden_size).")


def check_rates(who: str, rates: Mapping[str, float], *, below: bool) -> None:
    """Refuse what is not a probability; 1 as well where something is scaled by what is left."""
    for place, rate in rates.items():
        if not isinstance(rate, int | float) or not 0 <= rate <= 1 or (below and rate == 1):
            expected = "0 or more and less than 1" if below else "0 to 1"
            raise ArgumentError(f"{who}: {place} is {rate!r}; expected a probability, {expected}.")
