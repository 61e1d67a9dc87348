"""A cell that attends, before or after its state is updated."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from everystep.cell import Cell, part_shape, tap
from everystep.errors import ShapeError
from everystep.seq2seq.attention import Attention
from everystep.seq2seq.noise import noised, parted
from everystep.seq2seq.products import Linear
from everystep.seq2seq.remembering import Remembering
from everystep.seq2seq.stacked import Stacked
from everystep.seq2seq.states import named_state

QUERY, SEEN = "query", "seen"


class Attentive(Cell[Any]):
    r"""A stack of cells that attends to a memory; context is what :meth:`Attention.look` returns.

    What it puts out joins what the stack put out and the context vector:

    .. math:: y = \tanh(V [h;\ c])

    Attention weights are tapped as ``attention``. What attention remembers is the part ``seen`` of the state.

    Args:
        cell: The stack.
        attention: How it attends.
        output_size: Features of y; as many as the stack puts out when not given.
        input_size: Features of x.
        parts: Sizes of the state's parts.
    """

    def __init__(
        self, cell: Stacked, attention: Attention, output_size: int | None, input_size: int, parts: dict[str, Any]
    ) -> None:
        who = type(self).__name__
        if attention.query_size != cell.output_size:
            raise ShapeError(
                f"{who}: the cell puts out {cell.output_size} features and a query of {type(attention).__name__} has "
                f"{attention.query_size}; expected as many."
            )
        seen = {SEEN: "mask.1"} if isinstance(attention, Remembering) else {}  # as long as there are positions
        self._parts, self._own = (*parts, *seen), len(cell.part_sizes)
        self.State = named_state(*self._parts)
        super().__init__(input_size, cell.output_size if output_size is None else output_size, **parts, **seen)
        self.cell = cell
        self.attention: Any = attention
        self.join = Linear(cell.output_size + attention.memory_size, self.output_size)

    def initial_state(self, batch_size: int, like: Tensor, context: Any = None) -> Any:
        """Make the state before the first step: the stack's own, zeros for a query, what attention begins with."""
        own = {part: like.new_zeros(batch_size, *part_shape(self, part, context)) for part in self._parts[self._own :]}
        if self.remembers:
            own[SEEN] = self.attention.start(own[SEEN])
        return self.State(*self.cell.initial_state(batch_size, like), *own.values())

    @property
    def remembers(self) -> bool:
        """Whether attention depends on where it has looked."""
        return SEEN in self._parts

    @property
    def draws(self) -> bool:
        """Whether something is drawn for an unroll."""
        return self.cell.draws

    def noised(self, x: Any, context: Any = None) -> tuple[Any, Any]:
        """Put beside x and context what the stack draws."""
        return noised([self.cell], x, context)

    def attend(self, query: Tensor, state: Any, looked: Any) -> tuple[Tensor, list[Tensor]]:
        """Attend, and tap the weights: the context vector, and what has been seen where that is remembered."""
        seen = [state.seen] if self.remembers else []
        vector, weights = self.attention(query, *looked, *seen)
        tap("attention", weights)
        return vector, [self.attention.after(before, weights) for before in seen]

    def joined(self, h: Tensor, vector: Tensor) -> Tensor:
        """Join what the stack put out and a context vector."""
        return torch.tanh(self.join(torch.cat([h, vector], dim=-1)))  # tanh(V [h; c])


class AttendAfter(Attentive):
    r"""A stack of cells that attends with its new state.

    .. math::
        s(t+1),\ h &= \mathrm{step}(s(t),\ x(t+1)) \\
        c &= \mathrm{attend}(h), \qquad y = \tanh(V [h;\ c])

    Where y is not fed back and attention remembers nothing, it is no part of the recurrence: :meth:`over` attends to
    all steps in one product.
    With ``Feedback(AttendAfter(...))`` y enters the next step beside x: input feeding.

    Args:
        cell: The stack.
        attention: How it attends.
        output_size: Features of y; as many as the stack puts out when not given.

    Source: Luong, Pham & Manning (2015), "Effective approaches to attention-based neural machine translation",
    equation 5 and, for input feeding, section 3.3.
    """

    def __init__(self, cell: Stacked, attention: Attention, output_size: int | None = None) -> None:
        assert isinstance(cell.input_size, int)
        super().__init__(cell, attention, output_size, cell.input_size, cell.part_sizes)

    def step(self, state: Any, x: Any, context: Any) -> tuple[Any, Tensor]:
        """Take a step of the stack, then attend."""
        x, (of_step,) = parted(x, 1)
        looked, (of_row,) = parted(context, 1)
        after, h = self.cell.step(self.cell.State(*state[: self._own]), of_step.beside(x), *of_row.context)
        vector, seen = self.attend(h, state, looked)
        return self.State(*after, *seen), self.joined(h, vector)

    def over(
        self, x: Any, state: Any, looked: Any, lengths: Tensor | None = None, engine: str = "auto"
    ) -> tuple[Tensor, str]:
        """Run the stack over whole sequences, then attend to all steps at once: y, and the engines that ran."""
        h, ran = self.cell.over(x, self.cell.State(*state), lengths, engine)
        vector, _ = self.attention(h, *looked)
        return self.joined(h, vector), ran


class AttendBefore(Attentive):
    r"""A stack of cells that attends with what it put out last, and takes in what it found.

    .. math::
        c &= \mathrm{attend}(h(t)) \\
        s(t+1),\ h(t+1) &= \mathrm{step}(s(t),\ [x(t+1);\ c]), \qquad y = \tanh(V [h(t+1);\ c])

    h(t) is the part ``query`` of the state.

    Args:
        cell: The stack; it takes the features of x and of the memory.
        attention: How it attends.
        output_size: Features of y; as many as the stack puts out when not given.

    Raises:
        ShapeError: The stack takes fewer features than the memory has.

    Source: Bahdanau, Cho & Bengio (2015), "Neural machine translation by jointly learning to align and translate",
    section 3.1; there a maxout layer sees the symbol before as well.
    """

    def __init__(self, cell: Stacked, attention: Attention, output_size: int | None = None) -> None:
        assert isinstance(cell.input_size, int)
        own = cell.input_size - attention.memory_size
        if own < 0:
            raise ShapeError(
                f"AttendBefore: the cell takes {cell.input_size} features; expected those of x and "
                f"{attention.memory_size} of the memory."
            )
        super().__init__(cell, attention, output_size, own, {**cell.part_sizes, QUERY: cell.output_size})

    def step(self, state: Any, x: Any, context: Any) -> tuple[Any, Tensor]:
        """Attend, then take a step of the stack."""
        x, (of_step,) = parted(x, 1)
        looked, (of_row,) = parted(context, 1)
        vector, seen = self.attend(state.query, state, looked)
        x = of_step.beside(torch.cat([x, vector], dim=-1))  # [x(t+1); c]
        after, h = self.cell.step(self.cell.State(*state[: self._own]), x, *of_row.context)
        return self.State(*after, h, *seen), self.joined(h, vector)
