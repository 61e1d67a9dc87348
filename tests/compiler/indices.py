"""Steps of one line that seek the largest feature, and look up what it names."""

from __future__ import annotations

import torch
from torch.nn import functional as F


def _chosen(h, x, p):
    found = torch.where(h[:, 0] > 0, h.argmax(-1), x.argmax(-1))
    return p.W[torch.where(x[:, 1] > 1, 2, found)] * h


def _read_without_gradient(h, x, p):
    with torch.no_grad():
        index = (h @ p.W).argmax(-1)
    return p.U[index] * x


INDICES = {
    "argmax": lambda h, x, p: h.argmax(-1),
    "argmax keepdim": lambda h, x, p: h.argmax(1, keepdim=True) * h,
    "argmax of equal ones": lambda h, x, p: h.sign().argmax(-1).unsqueeze(-1) * h,
    "argmax of one": lambda h, x, p: h[:, :1].argmax(-1),
    "argmax in heads": lambda h, x, p: h.view(-1, 3, 2).argmax(-1) * h[:, :3],
    "argmax across heads": lambda h, x, p: h.view(-1, 3, 2).argmax(1) * h[:, :2],
    "argmax of a cat": lambda h, x, p: p.W4[torch.cat([x, h], -1).argmax(-1)] * h,
    "argmax of part": lambda h, x, p: p.U[(h @ p.W)[:, 1:5].argmax(-1)] * x,
    "argmin": lambda h, x, p: p.W[h.argmin(-1)] * h,
    "embedding": lambda h, x, p: F.embedding(h.argmax(-1), p.W) * h,
    "embedding keepdim": lambda h, x, p: F.embedding(h.argmax(-1, keepdim=True), p.W).squeeze(1) + h,
    "embedding of heads": lambda h, x, p: F.embedding(h.view(-1, 3, 2).argmax(1), p.U).flatten(1),
    "embedding with padding": lambda h, x, p: F.embedding(h.argmax(-1), p.W, padding_idx=2) * h,
    "index": lambda h, x, p: p.W4[h.argmax(-1)] * h,
    "index of part": lambda h, x, p: p.W4[3:21:2, 1:4][h.argmax(-1)] * h[:, :3],
    "index of a transpose": lambda h, x, p: p.U.T[x.argmax(-1)] * h,
    "index of a vector": lambda h, x, p: (p.b[h.argmax(-1)] * h[:, 0]).unsqueeze(-1),
    "index of what is prepared": lambda h, x, p: (p.W * 2).tanh()[h.argmax(-1)] * h,
    "index of what gets no gradient": lambda h, x, p: p.fixed[h.argmax(-1)].unsqueeze(-1) * h,
    "index_select": lambda h, x, p: p.W.index_select(0, h.argmax(-1)) * h,
    "index twice": lambda h, x, p: p.W[h.argmax(-1)] * p.W[x.argmax(-1)],
    "index tied": lambda h, x, p: p.W[(h @ p.W.T + p.b).argmax(-1)] * (h @ p.W),
    "index after index": lambda h, x, p: p.W[p.W[h.argmax(-1)].argmax(-1)] * h,
    "index of a chosen one": _chosen,
    "index without gradient": _read_without_gradient,
    "index as a number": lambda h, x, p: h.argmax(-1, keepdim=True).to(h.dtype) * h,
    "index compared": lambda h, x, p: torch.where((h.argmax(-1) == x.argmax(-1)).unsqueeze(-1), h, 2 * h),
}
