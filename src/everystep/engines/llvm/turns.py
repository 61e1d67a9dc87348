"""The turns that steps of a stream take: where each reads the state and where it leaves it.

There are three argument blocks, each of a span of one step. The first turn reads the state where it was put; the two
others take two sets of memory in turn, each reading what the other wrote.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from math import prod
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor

from everystep.compiler.plan import Place
from everystep.engines.llvm.forward import PAIRED
from everystep.engines.llvm.frame import Frame
from everystep.engines.llvm.layout import Initial
from everystep.engines.llvm.programs import ALIGNED, Program

Array: TypeAlias = "np.ndarray[Any, Any]"
Block: TypeAlias = "ctypes.Array[ctypes.c_int64]"


class Turn:
    """A step that reads one set of memory and writes another.

    Attributes:
        address: Of its argument block.
        y: Where its output is found, (batch, output).
        entering: The state that it reads, (batch, size) by part.
        memory: Of that state; two parts may share one.
        following: The turn that reads what this one writes.
    """

    __slots__ = ("_block", "address", "entering", "following", "memory", "y")

    def __init__(self, block: Block, entering: dict[str, Array], y: Array) -> None:
        self._block, self.entering, self.y = block, entering, y
        self.memory = list({id(own): own for own in entering.values()}.values())
        self.address = ctypes.addressof(block)
        self.following = self


def turns(
    program: Program, frame: Frame, given: Mapping[object, int], starts: dict[str, Array], y: tuple[int, ...]
) -> Turn:
    """Lay out the turns of a stream.

    Args:
        program: A forward program.
        frame: With its scratch memory.
        given: Addresses of x, context and parameters, by slot.
        starts: Where the state is put, (batch, size) by part.
        y: The shape of an output.

    Returns:
        The first turn.
    """
    holders = {part: program.plan.sequences.get(part, f"state:{part}") for part in starts}
    sizes = {holders[part]: own.shape[1] for part, own in starts.items()} | {"y": prod(y[1:])}
    sets = [{name: room((y[0], size), program.dtype) for name, size in sizes.items()} for _ in range(2)]
    entering = [starts, *({part: one[holder] for part, holder in holders.items()} for one in sets)]
    made = [
        Turn(_block(program, frame, given, read, write), read, write["y"].reshape(y))
        for read, write in zip(entering, (sets[0], sets[1], sets[0]), strict=True)
    ]
    first, second, third = made
    first.following, second.following, third.following = second, third, second
    return first


def _block(
    program: Program, frame: Frame, given: Mapping[object, int], read: Mapping[str, Array], write: Mapping[str, Array]
) -> Block:
    block = type(frame.block).from_buffer_copy(frame.block)
    for slot, n in program.layout.slots.items():
        if isinstance(slot, Initial):
            block[n] = read[slot.place.name].ctypes.data
        elif slot in given:
            block[n] = given[slot]
        elif isinstance(slot, Place) and n not in frame.own:
            block[n] = _written(slot, write, program.plan.sequences)
    return block


def _written(place: Place, write: Mapping[str, Array], sequences: Mapping[str, str]) -> int:
    """Where a place is written. The first step of a span leaves a part of the state in the later half of a pair."""
    if place.space not in PAIRED:
        return write[place.name].ctypes.data
    holder = sequences.get(place.name)
    memory = write[holder or f"state:{place.name}"]
    return memory.ctypes.data - (0 if holder else memory.nbytes)


def room(shape: Sequence[int], dtype: torch.dtype) -> Array:
    """Memory that begins with a line of the cache, all zero."""
    kind = torch.empty(0, dtype=dtype, device="cpu").numpy().dtype
    memory = np.zeros(prod(shape) * kind.itemsize + ALIGNED, np.uint8)
    first = -memory.ctypes.data % ALIGNED
    return memory[first : first + prod(shape) * kind.itemsize].view(kind).reshape(tuple(shape))


def laid_flat(value: Tensor) -> Tensor:
    """A copy of the memory that a tensor reaches, gaps included."""
    reach = 1 + sum((n - 1) * stride for n, stride in zip(value.shape, value.stride(), strict=True))
    return value.detach().as_strided((reach if value.numel() else 0,), (1,)).clone()
