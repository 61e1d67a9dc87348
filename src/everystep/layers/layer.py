"""What every layer has in common: how it is called, and what it answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from everystep.engines.padding import select
from everystep.engines.stepping import each_stream, streams_of
from everystep.errors import DTypeError, ShapeError
from everystep.layers.asked import Asked
from everystep.layers.states import flatten
from everystep.unroll import arguments


@dataclass(frozen=True, eq=False, repr=False)  # tensors neither compare to one truth nor print in a line
class Layered:
    """What a layer returns.

    Attributes:
        y: The outputs, (time, batch, output); zero where no step was taken.
        state: The state after the last step of each sequence, of every cell: a tuple for a stack, :class:`Ways` for a
            layer, the cell's own NamedTuple inside.
        record: ``{path: (time, batch, size)}``: the taps and parts asked for.
        engine: The engine that ran; ``"llvm and reference"`` where not all cells ran on one.
        why: For each cell, by path, why this engine.
    """

    y: Tensor
    state: Any
    record: dict[str, Tensor]
    engines: dict[str, str]
    why: dict[str, str]

    @property
    def engine(self) -> str:
        """Name the engine that ran, or all of them."""
        return " and ".join(dict.fromkeys(self.engines.values()))

    def __repr__(self) -> str:
        """Show shapes, not values."""
        shown = {"y": self.y, **{f"state.{path}": part for path, part in flatten(self.state).items()}}
        shown |= {f"record[{name!r}]": values for name, values in self.record.items()}
        shapes = ", ".join(f"{name} {tuple(value.shape)}" for name, value in shown.items())
        return f"Layered({shapes}, engine {self.engine!r})"


class Layer(nn.Module):
    """Something that takes sequences to sequences and has a state: the base of every layer.

    Attributes:
        output_size: Features of y; None where an ordinary module decides.
    """

    output_size: int | None = None

    def forward(
        self,
        x: Any,
        state: Any = None,
        *,
        context: Any = None,
        lengths: Tensor | Iterable[int] | None = None,
        mask: Tensor | None = None,
        resets: Tensor | None = None,
        forced: Mapping[str, tuple[Tensor, Tensor]] | None = None,
        record: Iterable[str] | str = (),
        recompute: str | None = None,
        engine: str = "auto",
    ) -> Layered:
        """Run over sequences.

        The arguments are those of :func:`everystep.unroll`; state parts and taps have paths here.

        Args:
            x: The input, (time, batch, input), or a NamedTuple of such streams.
            state: What an earlier call returned as ``state``; without it every cell starts from its own start.
            context: A NamedTuple of per-sequence values for every cell, or ``{path: context}`` for some.
            lengths: Steps of each sequence, (batch,) whole numbers 0..T.
            mask: (time, batch) bool, true where a step is taken.
            resets: (time, batch) bool, true for the first step of an episode. A reverse cell starts anew at the
                last step of one.
            forced: ``{path: (values, where)}``, for instance ``{"layer0.forward.y": ...}``.
            record: Paths to record, such as ``"layer0.forward.forget"``, or ``"all"``.
            recompute: As for ``unroll``.
            engine: As for ``unroll``.

        Returns:
            The outputs, the state of all cells and what was recorded: :class:`Layered`.

        Raises:
            UnknownNameError: A path leads nowhere.
            EverystepError: As ``unroll`` does.
        """
        who = type(self).__name__
        steps, rows, device = _extent(who, x)
        asked = Asked(
            who=who,
            context=context,
            used=arguments.used_steps(who, steps, rows, lengths, mask, device),
            resets=arguments.flags(who, "resets", resets, steps, rows, device),
            forced=arguments.forced_parts(who, forced),
            record=arguments.recorded(who, record),
            recompute=recompute,
            engine=engine,
        )
        return self.run(x, state, asked)

    def run(self, x: Any, state: Any, asked: Asked) -> Layered:
        """Run over sequences; everything else that was asked comes in one."""
        raise NotImplementedError(f"{type(self).__name__} has no run: write def run(self, x, state, asked).")

    def initial_state(self, batch_size: int, like: Tensor, context: Any = None) -> Any:
        """Make the state before the first step, of every cell.

        Args:
            batch_size: Rows of each part, 0 or more.
            like: A floating tensor that gives dtype and device.
            context: As for a call.

        Returns:
            A state as a call returns it.
        """
        raise NotImplementedError(f"{type(self).__name__} has no initial_state.")


def without_padding(used: Tensor | None, x: Any) -> Any:
    """Put zeros where no step is taken: an ordinary module would compute with what lies there."""
    return x if used is None else each_stream(lambda stream: select(used, stream, 0), x)


def _extent(who: str, x: Any) -> tuple[int, int, Any]:
    if not isinstance(x, Tensor) and not getattr(x, "_fields", ()):
        raise DTypeError(f"{who}: x is a {type(x).__name__}; expected a tensor or a NamedTuple of tensors.")
    first = next(iter(streams_of(x).values()))
    if not isinstance(first, Tensor) or first.ndim < 2:
        shape = tuple(getattr(first, "shape", ()))
        raise ShapeError(f"{who}: x has shape {shape}; expected (time, batch, input).")
    return first.shape[0], first.shape[1], first.device
