"""Beam and greedy search as they are written by hand in torch: all in tensors, a sentence leaves when it is done."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from benchmarks.translating.plain import Memory, Plain
from everystep.text import BEGIN, END


class Said(NamedTuple):
    score: float  # log probability by number of symbols, the end counted
    symbols: list[int]


@torch.no_grad()
def beam(
    model: Plain, source: Tensor, lengths: Tensor, longest: Tensor, forbidden: list[int], width: int
) -> list[Said]:
    """Search for the best output of each sentence; a hypothesis that ends keeps its place for good.

    Args:
        model: In evaluation mode.
        source: (time, sentences).
        lengths: (sentences,).
        longest: (sentences,) most symbols of an output, the end not counted.
        forbidden: Symbols that are never said.
        width: Hypotheses at a time.
    """
    many = len(lengths)
    memory, state = model.encode(source, lengths)
    memory, state = _taken((memory, state), torch.arange(many).repeat_interleave(width))
    total = torch.full((many, width), -torch.inf)
    total[:, 0] = 0.0
    symbols, said = torch.full((many * width,), BEGIN), torch.empty(many * width, 0, dtype=torch.int64)
    sentences, room, found = torch.arange(many), torch.full((many,), width), [[] for _ in range(many)]
    while len(sentences):
        state, y = model.step(state, model.target(symbols), memory)
        scores = torch.log_softmax(model.scores(y), dim=1)
        scores[:, forbidden] = -torch.inf
        over = (said.shape[1] >= longest[sentences]).repeat_interleave(width)
        if over.any():
            scores[over, :END] = scores[over, END + 1 :] = -torch.inf
        every = total.unsqueeze(2) + scores.view(len(sentences), width, -1)
        total, best = every.flatten(1).topk(width)
        total = total.masked_fill(torch.arange(width) >= room.unsqueeze(1), -torch.inf)
        rows = (best // scores.shape[1] + torch.arange(len(sentences)).unsqueeze(1) * width).flatten()
        symbols = (best % scores.shape[1]).flatten()
        said = torch.cat([said[rows], symbols.unsqueeze(1)], dim=1)
        ended = (symbols.view_as(total) == END) & total.isfinite()
        for row, place in ended.nonzero().tolist():
            one = Said(total[row, place].item() / said.shape[1], said[row * width + place, :-1].tolist())
            found[sentences[row]].append(one)
        room, total = room - ended.sum(1), total.masked_fill(ended, -torch.inf)
        going = total.isfinite().any(1)
        kept = going.repeat_interleave(width)
        state = _taken(state, rows[kept])
        if not going.all():
            memory = _taken(memory, kept)
            said, symbols = said[kept], symbols[kept]
            sentences, room, total = sentences[going], room[going], total[going]
    return [max(one) for one in found]


@torch.no_grad()
def greedy(model: Plain, source: Tensor, lengths: Tensor, longest: int, forbidden: list[int]) -> list[int]:
    """Say the likeliest symbol at each step, for one sentence."""
    memory, state = model.encode(source, lengths)
    symbol, said = torch.tensor([BEGIN]), []
    while len(said) < longest:
        state, y = model.step(state, model.target(symbol), memory)
        scores = model.scores(y)
        scores[:, forbidden] = -torch.inf
        symbol = scores.argmax(1)
        if symbol.item() == END:
            break
        said.append(symbol.item())
    return said


def _taken(nest: Any, rows: Tensor) -> Any:
    if isinstance(nest, Tensor):
        return nest[rows]
    taken = [_taken(part, rows) for part in nest]
    return Memory(*taken) if isinstance(nest, Memory) else tuple(taken)
