"""One model, trained and asked: the sides are held to the same numbers first, then timed in turns."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
from torch import nn

from benchmarks.peers.contender import LeftOut
from benchmarks.peers.race import quietly
from benchmarks.translating import joey
from benchmarks.translating.cases import Ready
from benchmarks.translating.plain import Plain, alike
from benchmarks.translating.plain_search import beam, greedy
from everystep.seq2seq import Seq2Seq
from everystep.text import PairBatch, pad
from everystep.train import Settings, train
from everystep.translate.fitted import search
from everystep.translate.taught import Taught, loss

OURS, PLAIN, JOEY = "everystep", "torch", "JoeyNMT"
CLOSE = 1e-4  # of a loss and of a score, in float32
WIDTH = 5
TRAINING, TOGETHER, ALONE, GREEDY = "training", "beam 5, batch 64", "beam 5, batch 1", "greedy, batch 1"
Sides = dict[str, Callable[[], Any]]


class Record(NamedTuple):
    """What came of one piece of work.

    Attributes:
        case: Name of the model.
        work: What was done.
        many: Target symbols, or sentences, of a call.
        seconds: Of every side, one a round.
        others: Part of the machine that others used meanwhile, 0 to 1.
        left_out: Why a side is not there.
    """

    case: str
    work: str
    many: int
    seconds: dict[str, list[float]]
    others: float
    left_out: dict[str, str]


class Few:
    """The first few batches of an epoch, as ``train`` asks for them."""

    def __init__(self, ready: Ready, many: int) -> None:
        self.dealt = [ready.batches.batch(0, index) for index in range(min(many, len(ready.batches)))]

    def __len__(self) -> int:
        return len(self.dealt)

    def batch(self, epoch: int, index: int) -> Taught:  # noqa: ARG002 - each epoch is the same
        return self.dealt[index]

    def name(self, epoch: int, index: int) -> str:
        return f"batch {index} of epoch {epoch}"

    def facts(self) -> dict[str, Any]:
        return {}


def races(name: str, ready: Ready, seconds: float, rounds: int, taught: int) -> Iterator[Record]:
    """Time training and every way to translate; the model is taught a little before it translates.

    Args:
        name: Of the case.
        ready: The case.
        seconds: To spend on each side of a race.
        rounds: How many turns.
        taught: Batches that the translating model has seen.

    Raises:
        ValueError: The sides do not say the same.
    """
    few = Few(ready, 4)
    count = sum(int(one.pairs.target_lengths.sum()) for one in few.dealt)
    sides, left_out = _trainings(ready, few)
    yield Record(name, TRAINING, count, *quietly(sides, seconds, rounds), left_out)
    settings = _settings(ready, epochs=1)
    train(ready.fitted.model, loss, Few(ready, taught), settings, progress="quiet")
    ready.fitted.model.eval()
    for work, (sentences, sides) in _searches(ready).items():
        yield Record(name, work, sentences, *quietly(sides, seconds, rounds), {})


def _settings(ready: Ready, epochs: int) -> Settings:
    asked = ready.fitted.choices.training
    return Settings(epochs=epochs, learning_rate=asked.learning_rate, clip_norm=asked.clip_norm)


# -- training


def _trainings(ready: Ready, few: Few) -> tuple[Sides, dict[str, str]]:
    ours, batches = ready.fresh(), [one.pairs for one in few.dealt]
    plain = alike(ours, ready.config)
    _hold_losses(ours, plain, batches[0])
    settings = _settings(ready, epochs=1)
    clip, rate = settings.clip_norm or float("inf"), settings.learning_rate
    sides: Sides = {OURS: lambda: train(ours, loss, few, settings, progress="quiet")}
    sides[PLAIN] = _plain_training(plain, batches, clip, rate)
    try:
        sides[JOEY] = joey.training(ready.config, batches, clip, rate)
    except LeftOut as reason:
        return sides, {JOEY: str(reason)}
    return sides, {}


def _plain_training(model: Plain, batches: list[PairBatch], clip: float, rate: float) -> Callable[[], None]:
    optimizer = torch.optim.Adam(model.parameters(), lr=rate)

    def run() -> None:
        model.train()
        for batch in batches:
            optimizer.zero_grad()
            model.loss(batch).backward()
            nn.utils.clip_grad_norm_(model.parameters(), clip)
            optimizer.step()

    return run


def _hold_losses(ours: Seq2Seq, plain: Plain, batch: PairBatch) -> None:
    """See that both sides have one loss and one gradient, of the source embedding, from the same weights."""
    found = []
    for model, weights in ((ours, ours.encoder.embedding.E), (plain, plain.source.weight)):
        model.eval()
        value = model.loss(batch)
        (gradient,) = torch.autograd.grad(value, weights)
        found.append((value.item(), gradient))
    (one, gradient), (other, theirs) = found
    off = max(abs(one - other) / abs(other), ((gradient - theirs).abs().max() / theirs.abs().max()).item())
    if off > CLOSE:
        raise ValueError(f"the losses are {one:.6f} and {other:.6f}, gradients included they are off by {off:.1e}.")


# -- translating


def _searches(ready: Ready) -> dict[str, tuple[int, Sides]]:
    plain = alike(ready.fitted.model, ready.config).eval()
    alone = ready.asked[:8]
    ours, theirs = _beams(ready, plain, ready.asked)
    _hold_scores([one[0].score for one in ours()], [one.score for one in theirs()])
    each = [_beams(ready, plain, [one]) for one in alone]
    said = [_greedies(ready, plain, one) for one in alone]
    for mine, other in said:
        if mine() != other():
            raise ValueError("greedy: the sides say different symbols.")
    return {
        TOGETHER: (len(ready.asked), {OURS: ours, PLAIN: theirs}),
        ALONE: (len(alone), _one_by_one(each)),
        GREEDY: (len(alone), _one_by_one(said)),
    }


def _one_by_one(pairs: list[tuple[Callable[[], Any], Callable[[], Any]]]) -> Sides:
    return {OURS: lambda: [ours() for ours, _ in pairs], PLAIN: lambda: [theirs() for _, theirs in pairs]}


def _beams(ready: Ready, plain: Plain, sources: list[Any]) -> tuple[Callable[[], Any], Callable[[], Any]]:
    fitted = ready.fitted
    how = fitted.choices.search.model_copy(update={"beam": WIDTH})
    numbers, lengths = pad(sources)
    limits = fitted.limits(how)
    longest = torch.tensor([limits.longest(len(one)) for one in sources])
    return lambda: search([fitted], sources, how), lambda: beam(
        plain, numbers, lengths, longest, list(limits.forbidden), WIDTH
    )


def _greedies(ready: Ready, plain: Plain, source: Any) -> tuple[Callable[[], Any], Callable[[], Any]]:
    fitted = ready.fitted
    how = fitted.choices.search.model_copy(update={"beam": 1})
    numbers, lengths = pad([source])
    limits = fitted.limits(how)
    longest = limits.longest(len(source))

    def ours() -> list[int]:
        return search([fitted], [source], how)[0][0].symbols.tolist()

    return ours, lambda: greedy(plain, numbers, lengths, longest, list(limits.forbidden))


def _hold_scores(ours: list[float], theirs: list[float]) -> None:
    off = max(abs(one - other) for one, other in zip(ours, theirs, strict=True))
    if off > CLOSE:
        raise ValueError(f"beam search: the scores of the sides are off by {off:.1e}.")
