"""Every operation that the compiler knows, in a step of one line, is the step itself: values and gradients."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional as F

from compiler.indices import INDICES
from compiler.tracing import H, check_step, operations
from everystep.compiler.trace import TABLE

ELEMENTWISE = {
    "neg": lambda h, x, p: -h,
    "abs": lambda h, x, p: h.abs(),
    "sign": lambda h, x, p: h.sign() * h,
    "sgn": lambda h, x, p: h.sgn() * h,
    "exp": lambda h, x, p: h.exp(),
    "log": lambda h, x, p: (h * h).log(),
    "expm1": lambda h, x, p: h.expm1(),
    "log1p": lambda h, x, p: (h * h).log1p(),
    "sqrt": lambda h, x, p: (h * h).sqrt(),
    "rsqrt": lambda h, x, p: (h * h).rsqrt(),
    "reciprocal": lambda h, x, p: h.reciprocal(),
    "one_over": lambda h, x, p: 1 / h,
    "tanh": lambda h, x, p: h.tanh(),
    "sigmoid": lambda h, x, p: h.sigmoid(),
    "relu": lambda h, x, p: h.relu(),
    "erf": lambda h, x, p: h.erf(),
    "erfc": lambda h, x, p: h.erfc(),
    "sin": lambda h, x, p: h.sin(),
    "cos": lambda h, x, p: h.cos(),
    "tan": lambda h, x, p: h.tan(),
    "atan": lambda h, x, p: h.atan(),
    "sinh": lambda h, x, p: h.sinh(),
    "cosh": lambda h, x, p: h.cosh(),
    "floor": lambda h, x, p: h.floor() * h,
    "ceil": lambda h, x, p: h.ceil() * h,
    "trunc": lambda h, x, p: h.trunc() * h,
    "frac": lambda h, x, p: h.frac(),
    "asin": lambda h, x, p: h.tanh().asin(),
    "acos": lambda h, x, p: h.tanh().acos(),
    "atanh": lambda h, x, p: (h.tanh() * 0.5).atanh(),
    "round": lambda h, x, p: h.round() * h + (h.round() * 0.5).round() + (h.sign() * 0.5).round(),
    "add": lambda h, x, p: h + p.b,
    "add alpha": lambda h, x, p: torch.add(h, p.b, alpha=2.5),
    "sub": lambda h, x, p: h - p.b,
    "sub alpha": lambda h, x, p: torch.sub(h, p.b, alpha=2.5),
    "rsub": lambda h, x, p: 1 - h,
    "rsub alpha": lambda h, x, p: torch.rsub(h, p.b, alpha=0.5),
    "mul": lambda h, x, p: h * p.b,
    "mul number": lambda h, x, p: 2 * h,
    "div": lambda h, x, p: h / p.b,
    "div floor": lambda h, x, p: torch.div(h, p.b, rounding_mode="floor") * h,
    "div trunc": lambda h, x, p: torch.div(h, p.b, rounding_mode="trunc") * h,
    "floor divide": lambda h, x, p: (h.detach() // 0.7) * h,
    "remainder": lambda h, x, p: h % 0.7,
    "fmod": lambda h, x, p: torch.fmod(h, 0.7),
    "addcmul": lambda h, x, p: torch.addcmul(h, p.b, p.b, value=0.3),
    "addcdiv": lambda h, x, p: torch.addcdiv(h, h, p.b),
    "lerp": lambda h, x, p: torch.lerp(h, p.b.expand_as(h), h.sigmoid()),
    "lerp number": lambda h, x, p: torch.lerp(h, h.tanh(), 0.3),
    "square": lambda h, x, p: h.square(),
    "pow 0": lambda h, x, p: h**0 * h,
    "pow 1": lambda h, x, p: h**1,
    "pow 2": lambda h, x, p: h**2,
    "pow 3": lambda h, x, p: h**3,
    "pow 4": lambda h, x, p: h**4,
    "pow 0.5": lambda h, x, p: h.abs() ** 0.5,
    "pow -0.5": lambda h, x, p: h.abs() ** -0.5,
    "pow -1": lambda h, x, p: h**-1,
    "pow 1.7": lambda h, x, p: h.abs() ** 1.7,
    "pow of tensors": lambda h, x, p: h.abs() ** p.b,
    "number to the power": lambda h, x, p: 2.0**h,
    "exp2": lambda h, x, p: h.exp2(),
    "log2": lambda h, x, p: h.abs().log2(),
    "log10": lambda h, x, p: h.abs().log10(),
    "atan2": lambda h, x, p: torch.atan2(h, p.b),
    "hypot": lambda h, x, p: torch.hypot(h, p.b),
    "logit": lambda h, x, p: h.sigmoid().logit(),
    "logaddexp": lambda h, x, p: torch.logaddexp(h, p.b),
    "xlogy": lambda h, x, p: torch.xlogy(h, p.b.abs()),
    "maximum": lambda h, x, p: torch.maximum(h, p.b),
    "minimum": lambda h, x, p: torch.minimum(h, p.b),
    "max of two": lambda h, x, p: torch.max(h, p.b),
    "min of two": lambda h, x, p: torch.min(h, p.b),
    "clamp": lambda h, x, p: h.clamp(-0.5, 0.5),
    "clamp low": lambda h, x, p: h.clamp(min=0.1),
    "clamp high": lambda h, x, p: h.clamp(max=0.1),
    "clamp by tensors": lambda h, x, p: torch.clamp(h, p.fixed - 1, p.fixed + 1),
    "clamp_min": lambda h, x, p: h.clamp_min(0.1),
    "clamp_max": lambda h, x, p: h.clamp_max(0.1),
    "silu": lambda h, x, p: F.silu(h),
    "mish": lambda h, x, p: F.mish(h),
    "mish far": lambda h, x, p: F.mish(h * 1000),
    "gelu": lambda h, x, p: F.gelu(h),
    "gelu tanh": lambda h, x, p: F.gelu(h, approximate="tanh"),
    "elu": lambda h, x, p: F.elu(h, 0.7),
    "elu far": lambda h, x, p: F.elu(h * 1000),
    "selu": lambda h, x, p: F.selu(h),
    "celu": lambda h, x, p: F.celu(h, 0.7),
    "leaky_relu": lambda h, x, p: F.leaky_relu(h, 0.2),
    "prelu": lambda h, x, p: F.prelu(h, p.a.reshape(1)),
    "prelu per feature": lambda h, x, p: F.prelu(h, p.b),
    "softplus": lambda h, x, p: F.softplus(h, 1.5, 3.0),
    "softplus far": lambda h, x, p: F.softplus(h * 1000),
    "logsigmoid": lambda h, x, p: F.logsigmoid(h),
    "hardtanh": lambda h, x, p: F.hardtanh(h, -0.3, 0.4),
    "relu6": lambda h, x, p: F.relu6(h),
    "hardsigmoid": lambda h, x, p: F.hardsigmoid(h * 3),
    "hardswish": lambda h, x, p: F.hardswish(h * 3),
    "threshold": lambda h, x, p: F.threshold(h, 0.1, 7.0),
    "softshrink": lambda h, x, p: F.softshrink(h),
    "hardshrink": lambda h, x, p: F.hardshrink(h),
    "softsign": lambda h, x, p: F.softsign(h),
    "tanhshrink": lambda h, x, p: F.tanhshrink(h),
    "glu": lambda h, x, p: F.glu(h),
    "heaviside": lambda h, x, p: torch.heaviside(h.detach(), p.b.detach()) * h,
    "where": lambda h, x, p: torch.where(h > 0, h, p.b),
    "where number": lambda h, x, p: torch.where(h > 0, h, 0.0),
    "where with a buffer": lambda h, x, p: torch.where(p.mask, h, p.b),
    "masked_fill": lambda h, x, p: h.masked_fill(h < 0.2, 7.0),
    "masked_fill buffer": lambda h, x, p: h.masked_fill(p.mask, 7.0),
    "multiplied by a mask": lambda h, x, p: h * p.mask,
    "lt": lambda h, x, p: h < p.b,
    "le": lambda h, x, p: h <= p.b,
    "gt": lambda h, x, p: h > p.b,
    "ge": lambda h, x, p: h >= p.b,
    "eq": lambda h, x, p: h == h,  # noqa: PLR0124
    "ne": lambda h, x, p: h != p.b,
    "isnan": lambda h, x, p: (h * math.nan).isnan(),
    "and": lambda h, x, p: (h > 0) & (h < p.b),
    "or": lambda h, x, p: (h > 0) | (h < p.b),
    "xor": lambda h, x, p: (h > 0) ^ (h < p.b),
    "not": lambda h, x, p: ~(h > 0),
    "logical": lambda h, x, p: torch.logical_and(h, torch.logical_not(torch.logical_or(h > 1, h < 0))),
    "logical xor": lambda h, x, p: torch.logical_xor(h > 0, h > 0.5),
    "truth to number": lambda h, x, p: (h > 0).to(h.dtype) * h,
    "number to truth": lambda h, x, p: h.bool(),
    "truths added": lambda h, x, p: (h > 0) + (h < -1),
    "a parameter of one number": lambda h, x, p: p.a * h,
    "a constant tensor": lambda h, x, p: h * torch.tensor(2.5, dtype=h.dtype),
    "a list of constants": lambda h, x, p: h * torch.tensor([1.0, 2, 3, 4, 5, 6], dtype=h.dtype),
    "whole numbers": lambda h, x, p: h * torch.arange(6),
    "in place": lambda h, x, p: (h * 3).mul_(2).add_(p.b).sigmoid_(),
    "in place on a view": lambda h, x, p: _written(h * 1, p),
    "augmented slices": lambda h, x, p: _augmented(h * 1, x),
    "filled": lambda h, x, p: torch.cat([(h * 3).fill_(2.0), (h * 3).zero_(), h], -1),
    "into zeros": lambda h, x, p: _into_zeros(h, x),
    "out": lambda h, x, p: torch.mul(h.detach(), 2, out=torch.empty_like(h)) + h,
}  # fmt: skip


def _written(a, p):
    a[:, 1:3] = p.A[0]
    a[:, 4] *= 3
    a.view(-1, 3, 2)[:, 0] += 1
    return a


def _augmented(a, x):
    a[..., :4] += x
    a[:, 3:].sin_()
    return a


def _into_zeros(h, x):
    a = torch.zeros(h.shape[0], 10, dtype=h.dtype)
    a[:, :6] = h
    a[:, 6:].copy_(x)
    b = h.new_zeros(h.shape)
    b += 1
    return a * torch.cat([b, torch.full_like(x, 2.0)], 1)


VIEWS = {
    "chunk": lambda h, x, p: torch.tanh(h.chunk(3, -1)[1]),
    "split": lambda h, x, p: h.split([2, 3, 1], dim=-1)[1] * 2,
    "tensor_split": lambda h, x, p: h.tensor_split(4, -1)[1] * 2,
    "slice": lambda h, x, p: h[:, 1:5] * 2,
    "strided slice": lambda h, x, p: h[:, ::2] * 2,
    "select": lambda h, x, p: h[:, 2] * 2,
    "negative select": lambda h, x, p: h[..., -1:] * h,
    "narrow": lambda h, x, p: h.narrow(-1, 2, 3) * 2,
    "unbind": lambda h, x, p: h.unbind(-1)[3] * 2,
    "cat": lambda h, x, p: torch.cat([h, x, p.b.expand(h.shape[0], -1)], -1),
    "stack": lambda h, x, p: torch.stack([h, torch.tanh(h)], 1),
    "stack last": lambda h, x, p: torch.stack([h, torch.tanh(h)], -1),
    "stack flat": lambda h, x, p: torch.stack([h, torch.tanh(h)], -1).flatten(1),
    "view": lambda h, x, p: h.view(-1, 3, 2) * p.A,
    "reshape": lambda h, x, p: h.reshape(h.shape[0], 2, 3) * 2,
    "unflatten": lambda h, x, p: h.unflatten(-1, (3, 2)) * p.A,
    "batch merged": lambda h, x, p: (h.reshape(-1, 2) * 2).reshape(-1, 6),
    "batch in the middle": lambda h, x, p: (h.view(-1, 3, 2).transpose(0, 1) * p.A[:, None]).transpose(0, 1).flatten(1),
    "batch last": lambda h, x, p: (h.t() * p.b[:, None]).t(),
    "permute": lambda h, x, p: h.view(-1, 3, 2).permute(0, 2, 1) * p.A.t(),
    "permuted then flat": lambda h, x, p: h.view(-1, 3, 2).permute(0, 2, 1).reshape(-1, 6) * p.b,
    "squeeze": lambda h, x, p: h.unsqueeze(1).squeeze(1) * h.unsqueeze(-1).squeeze(),
    "expand": lambda h, x, p: h.unsqueeze(1).expand(-1, 4, -1) * x.unsqueeze(-1),
    "repeat": lambda h, x, p: h.repeat(1, 2),
    "a parameter for every row": lambda h, x, p: p.b.repeat(len(h), 2) * torch.tile(p.b[None], (len(h), 2)),
    "repeat_interleave": lambda h, x, p: h.repeat_interleave(2, -1),
    "flip": lambda h, x, p: h.flip(-1) * 2,
    "roll": lambda h, x, p: h.roll(2, -1) * p.b,
    "index by a list": lambda h, x, p: h[:, [4, 0, 0, -1]] * 2,
    "index_select": lambda h, x, p: h.index_select(1, torch.tensor([3, 1])),
    "index by truths": lambda h, x, p: h[:, torch.tensor([True, False, True, False, False, True])],
    "tril": lambda h, x, p: (h.unsqueeze(-1) * x.unsqueeze(1)).tril(1),
    "triu": lambda h, x, p: (h.unsqueeze(-1) * x.unsqueeze(1)).triu(),
    "diagonal": lambda h, x, p: (h.unsqueeze(-1) * h.unsqueeze(1)).diagonal(dim1=1, dim2=2),
    "pad": lambda h, x, p: F.pad(h, (1, 2), value=0.5),
    "pad two axes": lambda h, x, p: F.pad(h.view(-1, 3, 2), (1, 0, 0, 2)),
    "movedim": lambda h, x, p: h.view(-1, 3, 2).movedim(-1, 1) * p.A.t(),
    "outer": lambda h, x, p: torch.einsum("bi,bj->bij", h, x),
    "the whole": lambda h, x, p: h[:] * h[...],
    "clone": lambda h, x, p: h.clone() * h.contiguous(),
    "zeros": lambda h, x, p: torch.zeros(h.shape[0], 2, dtype=h.dtype) + h[:, :2],
    "ones": lambda h, x, p: torch.ones_like(h) - h + torch.zeros_like(h),
    "empty": lambda h, x, p: h.new_empty(h.shape).copy_(h),
    "full": lambda h, x, p: torch.full((len(h), 2), 0.5, dtype=h.dtype) + h[:, :2],
    "new_full": lambda h, x, p: h.new_full((H,), 0.5) + h + h.new_ones(len(h), 1) + h.new_zeros(len(h), H),
    "parameter as it is": lambda h, x, p: p.b.expand(len(h), -1),
    "parameter in pieces": lambda h, x, p: h[:, :3] * p.b[::2] + p.A.t()[0] * p.W[1, 2:5] + p.W[:3, 1],
    "whole matrix by element": lambda h, x, p: h.unsqueeze(-1) * p.W + p.W.t(),
    "nothing at all": lambda h, x, p: torch.cat([h[:, :0], x], -1),
}

FEATURES = {
    "sum": lambda h, x, p: h.sum(-1),
    "sum keepdim": lambda h, x, p: h * h.sum(1, keepdim=True),
    "sum over heads": lambda h, x, p: h.view(-1, 3, 2).sum(1),
    "sum inside heads": lambda h, x, p: h.view(-1, 3, 2).sum(-1),
    "sum of two axes": lambda h, x, p: h.view(-1, 3, 2).sum((1, 2)),
    "sum where the batch is last": lambda h, x, p: h.t().sum(0),
    "mean": lambda h, x, p: h - h.mean(-1, keepdim=True),
    "amax": lambda h, x, p: h.amax(-1),
    "amin": lambda h, x, p: h.amin(-1, keepdim=True) * h,
    "prod": lambda h, x, p: h.prod(-1),
    "prod keepdim": lambda h, x, p: h.view(-1, 3, 2).prod(1, keepdim=True),
    "any": lambda h, x, p: (h > 0.5).any(-1),
    "all": lambda h, x, p: (h < 0.5).all(-1, keepdim=True),
    "cumsum": lambda h, x, p: h.cumsum(-1),
    "cumsum of softmax": lambda h, x, p: h.softmax(-1).cumsum(-1) * p.b,
    "cumsum in heads": lambda h, x, p: h.view(-1, 3, 2).cumsum(-1) + h.view(-1, 3, 2).cumsum(1),
    "var": lambda h, x, p: h.var(-1),
    "var unbiased": lambda h, x, p: h.var(-1, unbiased=False, keepdim=True),
    "std": lambda h, x, p: h.std(-1),
    "norm": lambda h, x, p: h.norm(dim=-1),
    "norm 1": lambda h, x, p: torch.linalg.vector_norm(h, 1, dim=-1),
    "norm inf": lambda h, x, p: torch.linalg.vector_norm(h, math.inf, dim=-1),
    "norm of zeros": lambda h, x, p: (h * 0).norm(dim=-1) + h[:, 0],
    "normalize": lambda h, x, p: F.normalize(h, dim=-1),
    "cosine": lambda h, x, p: F.cosine_similarity(h, p.b.expand_as(h), dim=-1),
    "softmax": lambda h, x, p: h.softmax(-1),
    "softmax in heads": lambda h, x, p: h.view(-1, 3, 2).softmax(-1),
    "softmax over heads": lambda h, x, p: h.view(-1, 3, 2).softmax(1),
    "softmin": lambda h, x, p: F.softmin(h, -1),
    "log_softmax": lambda h, x, p: h.log_softmax(-1),
    "logsumexp": lambda h, x, p: h.logsumexp(-1),
    "logsumexp keepdim": lambda h, x, p: h - h.logsumexp(-1, keepdim=True),
    "layer_norm": lambda h, x, p: F.layer_norm(h, (H,)),
    "layer_norm weight": lambda h, x, p: F.layer_norm(h, (H,), p.b, p.fixed),
    "layer_norm two axes": lambda h, x, p: F.layer_norm(h.view(-1, 3, 2), (3, 2), p.A),
    "layer_norm in heads": lambda h, x, p: F.layer_norm(h.view(-1, 3, 2), (2,)),
    "group_norm": lambda h, x, p: F.group_norm(h, 3, p.b, p.fixed),
    "group_norm axes": lambda h, x, p: F.group_norm(torch.stack([h, h * h], -1), 3, p.b, p.fixed),
    "rms_norm": lambda h, x, p: F.rms_norm(h, (H,), p.b),
    "batch_norm with fixed statistics": lambda h, x, p: F.batch_norm(h, p.fixed, p.fixed.abs(), p.b, p.fixed),
}

PRODUCTS = {
    "linear": lambda h, x, p: F.linear(h, p.W, p.b),
    "linear without bias": lambda h, x, p: F.linear(x, p.U),
    "linear of three axes": lambda h, x, p: F.linear(h.view(-1, 3, 2), p.A, p.A[:, 0]),
    "linear of four axes": lambda h, x, p: F.linear(h.view(-1, 3, 1, 2), p.A),
    "mm": lambda h, x, p: h @ p.W,
    "mm of a view": lambda h, x, p: h[:, 1:4] @ p.W[2:5, ::2],
    "mm of a transposed view": lambda h, x, p: h[:, 1:4] @ p.W.t()[2:5],
    "left product": lambda h, x, p: (p.W @ h.t()).t(),
    "left addmm": lambda h, x, p: torch.addmm(p.b[:, None], p.W, h.t()).t(),
    "mv": lambda h, x, p: h @ p.b,
    "matvec of a row": lambda h, x, p: torch.matmul(p.W, h.unsqueeze(-1)).squeeze(-1),
    "addmm": lambda h, x, p: torch.addmm(h, h, p.W, beta=0.5, alpha=2.0),
    "addmm of a value": lambda h, x, p: torch.addmm(h, x, p.U.t()),
    "baddbmm": lambda h, x, p: (
        torch.baddbmm(h.view(-1, 3, 2).transpose(0, 1), h.view(-1, 3, 2).transpose(0, 1), p.heads)
        .transpose(0, 1)
        .flatten(1)
    ),
    "addbmm of values": lambda h, x, p: torch.baddbmm(
        h.unsqueeze(1), x.unsqueeze(1), (x.unsqueeze(-1) * h.unsqueeze(1))
    ),
    "einsum": lambda h, x, p: torch.einsum("bi,oi->bo", h, p.W),
    "einsum weight first": lambda h, x, p: torch.einsum("oi,bi->ob", p.W, h).t(),
    "einsum heads": lambda h, x, p: torch.einsum("bhi,hij->bhj", h.view(-1, 3, 2), p.heads).flatten(1),
    "einsum heads batch last": lambda h, x, p: torch.einsum("hib,hij->bhj", h.t().view(3, 2, -1), p.heads),
    "matmul heads": lambda h, x, p: (h.view(-1, 3, 1, 2) @ p.heads).flatten(1),
    "block diagonal": lambda h, x, p: h @ torch.block_diag(*p.heads),
    "tensordot": lambda h, x, p: torch.tensordot(h, p.W, ([1], [1])),
    "tied": lambda h, x, p: torch.tanh(h @ p.W) @ p.W.t(),
    "dot of values": lambda h, x, p: (h.unsqueeze(1) @ torch.tanh(h).unsqueeze(-1)).flatten(1),
    "matrix of values times a value": lambda h, x, p: torch.einsum("bij,bj->bi", h.unsqueeze(-1) * x.unsqueeze(1), x),
    "attention of heads": lambda h, x, p: F.scaled_dot_product_attention(*[h.view(-1, 3, 2) * k for k in (1, 2, 3)]),
    "attention of heads at once": lambda h, x, p: F.scaled_dot_product_attention(
        h.view(-1, 2, 1, 3),
        *[torch.stack([h, n * h, h.tanh()], 1).view(-1, 3, 2, 3).transpose(1, 2) for n in (2, 3)],
        attn_mask=torch.where(x[:, None, None, :3] > 0, x[:, None, None, :3], -math.inf),
    ).flatten(1),
    "no features": lambda h, x, p: h[:, :0] @ p.W[:0] + F.linear(x[:, :0], p.U[:, :0], p.b),
    "expanded weight": lambda h, x, p: h @ p.b[:, None].expand(H, 4),
    "numbers in the step": lambda h, x, p: h @ torch.eye(H, dtype=h.dtype) + h @ torch.ones(H, H, dtype=h.dtype).tril(),
    "a mask times a product": lambda h, x, p: (h > 0).to(h.dtype) @ p.W,
    "Linear": lambda h, x, p: p.linear(h),
    "Sequential": lambda h, x, p: p.sequential(h),
    "LSTMCell of torch": lambda h, x, p: p.lstm_cell(x, (h, h * 2))[0],
    "GRUCell of torch": lambda h, x, p: p.gru_cell(x, h),
    "RNNCell of torch": lambda h, x, p: p.rnn_cell(x, h),
    "bilinear": lambda h, x, p: F.bilinear(h[:, :2], x[:, :2], p.heads, p.b[:3]),
    "Bilinear by einsum": lambda h, x, p: torch.einsum("bi,oij,bj->bo", h[:, :2], p.heads, x[:, :2]),
}

PREPARED = {
    "tanh of a weight": lambda h, x, p: h @ torch.tanh(p.W),
    "normalised weight": lambda h, x, p: F.linear(h, p.W / p.W.norm(dim=1, keepdim=True), p.b * 2),
    "masked weight": lambda h, x, p: h @ (p.W * p.mask),
    "pieces of a prepared weight": lambda h, x, p: h @ (p.W4 * 2).chunk(4)[1].t() + h @ (p.W4 * 2)[:6],
    "a vector made of others": lambda h, x, p: h * torch.cat([p.d, p.b[:2]]) + torch.exp(-F.softplus(p.b)),
    "written in place": lambda h, x, p: h @ _prepared_in_place(p),
    "skew": lambda h, x, p: h @ (p.W - p.W.t()),
    "detached parameter": lambda h, x, p: h @ p.W.detach() + p.b.detach() * h,
    "parameter under no_grad": lambda h, x, p: h @ _no_grad(lambda: p.W * 2) + h,
    "cumulated": lambda h, x, p: h * torch.cumsum(p.b.softmax(0), 0),
    "a repeated vector": lambda h, x, p: h @ p.b.expand(H, H),
}


def _no_grad(make):
    with torch.no_grad():
        return make()


def _prepared_in_place(p):
    a = torch.zeros(H, H, dtype=torch.float64)
    a[:3] = p.W[:3] * 2
    a.view(-1)[0] = 5
    return a


ALL = {**ELEMENTWISE, **VIEWS, **FEATURES, **PRODUCTS, **PREPARED, **INDICES}


@pytest.mark.parametrize("name", ALL)
def test_a_traced_operation_is_that_operation(name):
    # torch's own derivatives of these two hold a constant (1 / alpha, 1 / 6) in float32
    check_step(ALL[name], tolerance=1e-7 if name in {"celu", "hardsigmoid"} else 1e-12)


def test_every_row_of_the_table_has_a_snippet():
    refused = {"max", "min"}
    assert set(TABLE) - refused == set(TABLE) & set().union(*map(operations, ALL.values()))
