"""The activation functions that a recurrent ONNX node may name, with its alpha, beta and clip."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from everystep.errors import ArgumentError, counted, unknown

Sigma = Callable[[Tensor], Tensor]


def _affine(a: Tensor, *, alpha: float, beta: float) -> Tensor:
    return alpha * a + beta


def _leaky_relu(a: Tensor, *, alpha: float) -> Tensor:
    return torch.where(a >= 0, a, alpha * a)


def _thresholded_relu(a: Tensor, *, alpha: float) -> Tensor:
    return torch.where(a >= alpha, a, 0.0)


def _scaled_tanh(a: Tensor, *, alpha: float, beta: float) -> Tensor:
    return alpha * torch.tanh(beta * a)


def _hard_sigmoid(a: Tensor, *, alpha: float, beta: float) -> Tensor:
    return torch.clamp(alpha * a + beta, 0.0, 1.0)


def _elu(a: Tensor, *, alpha: float) -> Tensor:
    return F.elu(a, alpha)


def _softsign(a: Tensor) -> Tensor:
    return a / (1 + a.abs())


def _softplus(a: Tensor) -> Tensor:
    return F.softplus(a, threshold=40.0)  # log(1 + exp(a)) is a from there on, in float64 too


class _Kind(NamedTuple):
    function: Callable[..., Tensor]
    takes: dict[str, float | None]  # alpha and beta with their defaults; None where ONNX has none


_KINDS = {
    "Relu": _Kind(torch.relu, {}),
    "Tanh": _Kind(torch.tanh, {}),
    "Sigmoid": _Kind(torch.sigmoid, {}),
    "Affine": _Kind(_affine, {"alpha": None, "beta": None}),
    "LeakyRelu": _Kind(_leaky_relu, {"alpha": 0.01}),
    "ThresholdedRelu": _Kind(_thresholded_relu, {"alpha": 1.0}),
    "ScaledTanh": _Kind(_scaled_tanh, {"alpha": None, "beta": None}),
    "HardSigmoid": _Kind(_hard_sigmoid, {"alpha": 0.2, "beta": 0.5}),
    "Elu": _Kind(_elu, {"alpha": 1.0}),
    "Softsign": _Kind(_softsign, {}),
    "Softplus": _Kind(_softplus, {}),
}
_BY_LOWER_CASE = {name.lower(): kind for name, kind in _KINDS.items()}  # as runtimes read them


def activations(
    who: str, names: Sequence[str], alphas: Sequence[float], betas: Sequence[float], clip: float | None
) -> list[Sigma]:
    """Make the activation functions of a node, in its order.

    Args:
        who: The node.
        names: Attribute ``activations``.
        alphas: Attribute ``activation_alpha``: one for each function that takes one, in their order, and the default
            for those that are left; or one for each function.
        betas: Attribute ``activation_beta``, in the same way.
        clip: Attribute ``clip``: what goes into a function is kept within ±clip.

    Returns:
        The functions.

    Raises:
        UnknownNameError: ONNX has no such function.
        ArgumentError: A function has no value for its alpha or beta, or there are too many.
    """
    for name in names:
        if name.lower() not in _BY_LOWER_CASE:
            raise unknown(who, "activation", name, _KINDS)
    kinds = [_BY_LOWER_CASE[name.lower()] for name in names]
    given = {"alpha": _values(who, "alpha", kinds, alphas), "beta": _values(who, "beta", kinds, betas)}
    functions: list[Sigma] = []
    for name, kind in zip(names, kinds, strict=True):
        own = {letter: next(given[letter]) for letter in kind.takes}
        for letter, value in own.items():
            if value is None:
                raise ArgumentError(
                    f"{who}: {name} has no activation_{letter}, and ONNX has no default for it: "
                    f"write activation_{letter} into the node."
                )
        function = partial(kind.function, **own) if own else kind.function
        functions.append(function if clip is None else partial(_clipped, function=function, clip=clip))
    return functions


def _values(who: str, letter: str, kinds: list[_Kind], values: Sequence[float]) -> Iterator[float | None]:
    """The alpha, or beta, of each function that takes one."""
    defaults = [kind.takes[letter] for kind in kinds if letter in kind.takes]
    if len(values) == len(kinds) > len(defaults):  # one for each function, of which some take none
        return iter([value for value, kind in zip(values, kinds, strict=True) if letter in kind.takes])
    if len(values) > len(defaults):
        raise ArgumentError(
            f"{who}: activation_{letter} has {counted(len(values), 'value')}; expected {len(defaults)}, one for each "
            f"activation that takes one, or {len(kinds)}, one for each activation."
        )
    return iter([*values, *defaults[len(values) :]])


def _clipped(a: Tensor, *, function: Sigma, clip: float) -> Tensor:
    return function(torch.clamp(a, -clip, clip))
