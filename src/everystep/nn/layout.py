"""The four ways in which a layer's input can lie, each brought to (time, batch, feature) and back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from torch import Tensor
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from everystep.unroll.packed import lengths_of


class TimeFirst:
    """(time, batch, feature), as everything inside."""

    axes = "(time, batch, input={})"
    state_axes = "(layers * directions={}, batch={}, size={})"
    dims = 3
    lengths: Tensor | None = None
    batch_sizes: Tensor | None = None

    def inward(self, value: Any) -> Tensor:
        """Bring the input, or flags for its steps, to (time, batch, ...)."""
        return value

    def outward(self, value: Tensor) -> Any:
        """Bring (time, batch, feature) to what the caller has."""
        return value

    def flag_shape(self, x: Tensor) -> tuple[int, ...]:
        """Tell the shape of flags for every step."""
        return tuple(x.shape[:-1])

    def state_shape(self, number: int, x: Tensor, size: int) -> tuple[int, ...]:
        """Tell the shape of a part of the state, given how many layers and directions there are."""
        return (number, x.shape[1], size)

    def state_inward(self, parts: Iterable[Tensor]) -> list[Tensor]:
        """Bring parts of a state to (layers * directions, batch, size)."""
        return list(parts)

    def state_outward(self, parts: Iterable[Tensor]) -> tuple[Tensor, ...]:
        """Bring them back."""
        return tuple(parts)


class BatchFirst(TimeFirst):
    """(batch, time, feature); the state has the batch second all the same."""

    axes = "(batch, time, input={})"

    def inward(self, value: Tensor) -> Tensor:
        """Swap batch and time."""
        return value.transpose(0, 1)

    def outward(self, value: Tensor) -> Tensor:
        """Swap them back."""
        return value.transpose(0, 1)

    def state_shape(self, number: int, x: Tensor, size: int) -> tuple[int, ...]:
        """Tell the shape of a part of the state."""
        return (number, x.shape[0], size)


class Unbatched(TimeFirst):
    """(time, feature): one sequence."""

    axes = "(time, input={})"
    state_axes = "(layers * directions={}, size={})"
    dims = 2

    def inward(self, value: Tensor) -> Tensor:
        """Make it a batch of one."""
        return value.unsqueeze(1)

    def outward(self, value: Tensor) -> Tensor:
        """Take it out of its batch."""
        return value.squeeze(1)

    def state_shape(self, number: int, x: Tensor, size: int) -> tuple[int, ...]:  # noqa: ARG002
        """Tell the shape of a part of the state."""
        return (number, size)

    def state_inward(self, parts: Iterable[Tensor]) -> list[Tensor]:
        """Make it a batch of one."""
        return [part.unsqueeze(1) for part in parts]

    def state_outward(self, parts: Iterable[Tensor]) -> tuple[Tensor, ...]:
        """Take it out of its batch."""
        return tuple(part.squeeze(1) for part in parts)


class Packed(TimeFirst):
    """A PackedSequence: the steps of all sequences one after another, the longest sequence first.

    Args:
        like: The packed input.
    """

    axes = "(steps of all sequences, input={})"
    dims = 2

    def __init__(self, like: PackedSequence) -> None:
        self.like = like
        self.batch_sizes = like.batch_sizes

    def inward(self, value: PackedSequence) -> Tensor:
        """Take the data as they are."""
        return value.data

    def outward(self, value: Tensor) -> PackedSequence:
        """Say how they are packed."""
        return self.like._replace(data=value)

    def flag_shape(self, x: Tensor) -> tuple[int, ...]:  # noqa: ARG002
        """Tell the shape of flags for every step: as if padded, (time, batch), sequences in the caller's order."""
        return (len(self.like.batch_sizes), int(self.like.batch_sizes[0]))

    def state_shape(self, number: int, x: Tensor, size: int) -> tuple[int, ...]:  # noqa: ARG002
        """Tell the shape of a part of the state."""
        return (number, int(self.like.batch_sizes[0]), size)

    def state_inward(self, parts: Iterable[Tensor]) -> list[Tensor]:
        """Put the longest sequence first."""
        return [_chosen(part, self.like.sorted_indices) for part in parts]

    def state_outward(self, parts: Iterable[Tensor]) -> tuple[Tensor, ...]:
        """Put the sequences back into their order."""
        return tuple(_chosen(part, self.like.unsorted_indices) for part in parts)


class Unpacked(Packed):
    """A PackedSequence that is padded meanwhile, for what belongs to a place in time and batch.

    Args:
        like: The packed input.
    """

    def __init__(self, like: PackedSequence) -> None:
        self.like = like
        self.lengths = lengths_of(like.batch_sizes)

    def inward(self, value: Any) -> Tensor:
        """Pad the input; put flags, which the caller has in its own order, into the order of the input."""
        if isinstance(value, PackedSequence):
            return pad_packed_sequence(PackedSequence(value.data, value.batch_sizes))[0]
        return _chosen(value, self.like.sorted_indices)

    def outward(self, value: Tensor) -> PackedSequence:
        """Pack what is not padding."""
        return self.like._replace(data=pack_padded_sequence(value, lengths_of(self.like.batch_sizes)).data)


def layout_of(input: Any, *, batch_first: bool, beyond: bool) -> TimeFirst:  # noqa: A002 (torch's name)
    """Tell how an input lies; ``beyond``: where more is asked for than torch has."""
    if isinstance(input, PackedSequence):
        return Unpacked(input) if beyond else Packed(input)
    if isinstance(input, Tensor) and input.dim() == 2:
        return Unbatched()
    return BatchFirst() if batch_first else TimeFirst()


def _chosen(value: Tensor, order: Tensor | None) -> Tensor:
    """Choose sequences, which lie along the second axis."""
    return value if order is None else value.index_select(1, order)
