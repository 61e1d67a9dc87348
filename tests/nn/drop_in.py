"""A drop-in and torch's layer with the same weights, and what comes out of both."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence

import everystep as es

LAYERS = ("RNN", "LSTM", "GRU")
CELLS = ("RNNCell", "LSTMCell", "GRUCell")
# Both sides sum the same products in another order, a few hundred roundings of 1.1e-16.
TOLERANCE = 1e-12


def pair(name, *args, dtype=torch.float64, **kwargs):
    """The drop-in and torch's own, made from one seed."""
    torch.manual_seed(0)
    ours = getattr(es.nn, name)(*args, dtype=dtype, **kwargs)
    torch.manual_seed(0)
    return ours, getattr(nn, name)(*args, dtype=dtype, **kwargs)


def tensors(value):
    """Every tensor of arguments or results, in order."""
    if isinstance(value, torch.Tensor):
        return [value]
    if isinstance(value, PackedSequence):
        return [value.data]
    if isinstance(value, dict):
        value = list(value.values())
    return [one for part in value for one in tensors(part)] if isinstance(value, (tuple, list)) else []


def outcome(layer, *given):
    """Everything that comes out, and the gradient of an uneven sum of it for the weights and all that was given."""
    results = tensors(layer(*given))
    total = sum((torch.cos(torch.arange(r.numel(), dtype=r.dtype)).view(r.shape) * r).sum() for r in results)
    leaves = [*layer.parameters(), *(t for t in tensors(given) if t.requires_grad)]
    return [*results, *torch.autograd.grad(total, leaves, allow_unused=True, materialize_grads=True)]


def assert_same(ours, theirs, tolerance=TOLERANCE):
    assert len(ours) == len(theirs)
    for one, right in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, right, rtol=0, atol=tolerance)


def random(*shape, seed=1):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def state(layer, rows=None, seed=2):
    """A random state for a layer, that needs its gradient."""
    number = layer.num_layers * (2 if layer.bidirectional else 1)
    axes = (number,) if rows is None else (number, rows)
    h = random(*axes, layer.proj_size or layer.hidden_size, seed=seed).requires_grad_()
    return (h, random(*axes, layer.hidden_size, seed=seed + 1).requires_grad_()) if layer.mode == "LSTM" else h
