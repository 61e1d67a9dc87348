"""The training loop, in plain sight.

Nothing here is needed to use a cell: a cell is an ``nn.Module``, and a loop of one's own is ten lines. This one adds
what a long run needs: it can be cut at any moment and goes on to the same bits.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from everystep.errors import ArgumentError, ShapeError, TrainingError
from everystep.train.averaging import averaged, chosen
from everystep.train.batches import Batches
from everystep.train.interrupt import interrupts
from everystep.train.non_finite import non_finite_step, non_finite_validation
from everystep.train.progress import shown
from everystep.train.random_states import seeded
from everystep.train.run import Run, identity, opened
from everystep.train.schedule import learning_rate, plateaus_in
from everystep.train.settings import Settings
from everystep.train.standing import Epoch, Learning

Validate = Callable[[Any], float | Mapping[str, float]]


@dataclass(frozen=True)
class Trained:
    """How a training run went. The model that was given holds the weights.

    Attributes:
        steps: Steps taken in the whole run.
        seconds: Time spent in the whole run, every part of it.
        best_validation: Lowest validation; None without ``validate``.
        best_epoch: The epoch it came after (1, 2, ...), whose weights the model now has.
        stopped_early: Whether patience ran out.
        history: One ``Epoch(number, loss, validation, learning_rate)`` for each epoch.
        resumed_from: The step this call went on from; 0 where it began the run.
        already_finished: Whether there was nothing left to do, and nothing was written.
    """

    steps: int
    seconds: float
    best_validation: float | None
    best_epoch: int | None
    stopped_early: bool
    history: tuple[Epoch, ...]
    resumed_from: int
    already_finished: bool


def train(
    model: nn.Module,
    loss: Callable[[Any, Any], Tensor],
    batches: Batches,
    settings: Settings = Settings(),  # noqa: B008  (frozen)
    *,
    validate: Validate | None = None,
    run: Run | None = None,
    progress: str = "auto",
) -> Trained:
    """Train a model by AdamW; with a run directory, go on where an earlier call of the same run was cut.

    The final weights are the same bits however often, and wherever, the run was cut (on one kind of machine, with one
    number of threads). The caller's random states are
    as they were after it. Ctrl-C ends the step under way, saves, and raises ``KeyboardInterrupt`` with a message that
    says how to go on; a second Ctrl-C goes through at once.

    Args:
        model: Any module; its parameters are changed in place.
        loss: Called as ``loss(model, batch)`` in training mode; gives a scalar.
        batches: ``Shuffled``, ``Drawn``, ``Consecutive``, or anything with their four methods.
        settings: Epochs, learning rate and the like.
        validate: Called as ``validate(model)`` after each epoch in evaluation mode, without gradients; lower is
            better. The best weights are put back at the end. It may give several figures by name: ``validation`` is
            watched, the others are logged beside it.
        run: Where to keep the run; None keeps it in memory only.
        progress: ``"auto"`` (a live bar on a terminal, else plain lines), ``"plain"`` or ``"quiet"``.

    Returns:
        How the run went.

    Raises:
        NonFiniteError: A loss, gradient, parameter or validation is NaN or infinite.
        RunError: The directory holds another run or something else.
        ModelFileError: A file of the run is damaged.
        TrainingError: There is nothing to train, or the run can't be saved.
        ArgumentError: ``batches`` can't be asked for by number.

    Example:
        >>> import torch
        >>> from everystep.train import Settings, Shuffled, train
        >>> x = torch.linspace(-1, 1, 64).reshape(64, 1)
        >>> model = torch.nn.Linear(1, 1)
        >>> loss = lambda model, batch: (model(batch[0]) - batch[1]).square().mean()
        >>> batches = Shuffled((x, 3 * x + 1), batch_size=16, seed=0)
        >>> settings = Settings(epochs=60, learning_rate=0.1, schedule="cosine")
        >>> result = train(model, loss, batches, settings, progress="quiet")
        >>> round(model.weight.item(), 3), round(model.bias.item(), 3), result.steps
        (3.0, 1.0, 240)
    """
    _check_model(model, settings, validate)
    _check_batches(batches)
    was_training = model.training
    learning = Learning(model, _optimizer(model, settings), loss)
    steps = settings.epochs * len(batches)
    described = identity(model, loss, batches, settings, run.about) if run is not None else None
    telling = shown(progress, steps, settings.epochs, getattr(batches, "tokens_per_batch", None))
    with (
        seeded(settings.seed),
        opened(run, described) as keeper,
        interrupts() as interrupted,
        telling,
    ):
        keeper.resume(learning)
        resumed_from, already_finished = learning.standing.step, learning.standing.finished
        telling.start(learning.standing)
        while not learning.standing.finished:
            line = _step(learning, batches, settings)
            if learning.standing.index == len(batches):
                line |= _end_of_epoch(learning, line["learning_rate"], settings, validate)
            keeper.record(line)
            keeper.save_if_due(learning)
            telling.show(learning.standing, line["loss"])
            if interrupted():
                keeper.save(learning)
                raise KeyboardInterrupt(f"Stopped after step {learning.standing.step} of {steps}. {keeper.going_on}.")
        if already_finished and run is not None:
            telling.say(f"Training in {run.directory} is finished; nothing was changed.")
    _settle(learning, validate)
    model.train(was_training)
    return _summary(learning, resumed_from, already_finished)


def _step(learning: Learning, batches: Batches, settings: Settings) -> dict[str, Any]:
    """Take one step of gradient descent, and give its line for the log."""
    began = time.perf_counter()
    model, optimizer, standing = learning.model, learning.optimizer, learning.standing
    rate = learning_rate(
        standing.step,
        settings.epochs * len(batches),
        peak=settings.learning_rate,
        schedule=settings.schedule,
        warmup_steps=settings.warmup_steps,
        plateaus=_plateaus(learning, settings),
    )
    for group in optimizer.param_groups:
        group["lr"] = rate
    batch = batches.batch(standing.epoch, standing.index)

    model.train()
    optimizer.zero_grad()
    value = _checked(learning.loss(model, batch))
    value.backward()
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    norm = nn.utils.get_total_norm([parameter.grad for parameter in trained if parameter.grad is not None])
    if not math.isfinite(value.item()) or not math.isfinite(norm.item()):
        raise non_finite_step(learning, batches, value, norm)
    if settings.clip_norm is not None:
        nn.utils.clip_grads_with_norm_(trained, settings.clip_norm, norm)
    optimizer.step()

    standing.step += 1
    standing.index += 1
    standing.loss_sum += value.item()
    standing.seconds += time.perf_counter() - began
    return {
        "step": standing.step,
        "epoch": standing.epoch + 1,
        "loss": value.item(),
        "gradient_norm": norm.item(),
        "learning_rate": rate,
        "seconds": round(standing.seconds, 3),
    }


def _plateaus(learning: Learning, settings: Settings) -> int:
    """Count them in the history, which a checkpoint holds: a run that goes on counts the same."""
    told = (epoch.validation for epoch in learning.standing.history if epoch.validation is not None)
    return 0 if settings.plateau is None else plateaus_in(told, settings.plateau)


def _end_of_epoch(learning: Learning, rate: float, settings: Settings, validate: Validate | None) -> dict[str, float]:
    """Validate, remember the best weights, and decide whether the run is finished."""
    began = time.perf_counter()
    standing = learning.standing
    loss = standing.loss_sum / standing.index
    standing.epoch, standing.index, standing.loss_sum = standing.epoch + 1, 0, 0.0
    figures = _figures(learning, validate) if validate is not None else {}
    validation = figures.get("validation")
    standing.history.append(Epoch(standing.epoch, loss, validation, rate))
    if validation is not None and (standing.best_validation is None or validation < standing.best_validation):
        standing.best_validation, standing.best_epoch = validation, standing.epoch
        learning.remember_best()
    if settings.average > 1:
        learning.keep(chosen(standing.history, settings.average, settings.averaged))
    waited = standing.epoch - (standing.best_epoch or standing.epoch)
    standing.stopped_early = settings.patience is not None and waited >= settings.patience
    standing.finished = standing.stopped_early or standing.epoch == settings.epochs
    standing.seconds += time.perf_counter() - began
    return figures


def _settle(learning: Learning, validate: Validate | None) -> None:
    """Put the weights into the model that the run ends with: those of the best epoch, or the average."""
    learning.restore_best()
    if not learning.kept:
        return
    learning.model.load_state_dict(averaged(learning.kept))
    if validate is not None and _figures(learning, validate)["validation"] > (learning.standing.best_validation or 0.0):
        learning.restore_best()


def _figures(learning: Learning, validate: Validate) -> dict[str, float]:
    learning.model.eval()
    with torch.no_grad():
        told = validate(learning.model)
    figures = {name: float(value) for name, value in told.items()} if isinstance(told, Mapping) else {}
    figures = figures or {"validation": float(told)}  # pyright: ignore[reportArgumentType] - then it is a number
    for value in figures.values():
        if not math.isfinite(value):
            raise non_finite_validation(learning.standing, value)
    return figures


def _optimizer(model: nn.Module, settings: Settings) -> torch.optim.AdamW:
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    real = all(parameter.is_floating_point() for parameter in trained)  # complex ones have no fused kernel
    return torch.optim.AdamW(trained, lr=settings.learning_rate, weight_decay=settings.weight_decay, fused=real)


def _check_model(model: nn.Module, settings: Settings, validate: Validate | None) -> None:
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise TrainingError(
            f"train: {type(model).__name__} has no parameter that asks for a gradient; nothing to train."
        )
    odd = [name for name, value in model.state_dict().items() if not isinstance(value, Tensor)]
    if odd:
        raise TrainingError(f"train: {', '.join(odd)} in the state_dict is no tensor; expected tensors only.")
    if settings.patience is not None and validate is None:
        raise TrainingError("train: patience needs a validation to watch: pass validate=, or patience=None.")
    if settings.plateau is not None and validate is None:
        raise TrainingError('train: schedule "plateau" needs a validation to watch: pass validate=.')
    if settings.average > 1 and settings.averaged == "best" and validate is None:
        raise TrainingError('train: the best epochs need a validation to watch: pass validate=, or averaged="last".')


def _check_batches(batches: Any) -> None:
    if not all(hasattr(batches, method) for method in ("__len__", "batch", "name", "facts")):
        raise ArgumentError(
            f"train: batches is a {type(batches).__name__}; expected Shuffled, Drawn or Consecutive, whose batches are "
            "asked for by number, so that a run can go on where it was cut: pass Shuffled(tensors, batch_size=...)."
        )


def _checked(value: Any) -> Tensor:
    if not isinstance(value, Tensor) or value.dim() != 0:
        what = f"shape {tuple(value.shape)}" if isinstance(value, Tensor) else f"type {type(value).__name__}"
        raise ShapeError(f"train: loss(model, batch) gave {what}; expected a scalar tensor. Take its mean.")
    if not value.requires_grad:
        raise TrainingError("train: the loss does not depend on any parameter that asks for a gradient.")
    return value


def _summary(learning: Learning, resumed_from: int, already_finished: bool) -> Trained:
    standing = learning.standing
    return Trained(
        steps=standing.step,
        seconds=standing.seconds,
        best_validation=standing.best_validation,
        best_epoch=standing.best_epoch,
        stopped_early=standing.stopped_early,
        history=tuple(standing.history),
        resumed_from=resumed_from,
        already_finished=already_finished,
    )
