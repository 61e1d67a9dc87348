"""Attention that torch has as one operation: products, a softmax over places, products."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from everystep.compiler.axes import Value, permuted
from everystep.compiler.lower import Lowering
from everystep.compiler.lower_features import log_sum_exp, safe_softmax
from everystep.compiler.lower_products import product
from everystep.compiler.trace_refuse import mixes_rows


def _attention(
    low: Lowering, query: Value, key: Value, value: Value, _dropout: float = 0.0, causal: bool = False, **settings: Any
) -> list[Value]:
    """Heads (batch, head, place, feature): what queries find, and the logarithms of what weights were divided by."""
    if causal:
        raise low.refusal("attention is causal", "mask it by attn_mask")
    scale = settings.get("scale") or 1.0 / math.sqrt(query.look.shape[-1])
    heads = query.look.shape[2]
    query, key, value = (_merged(low, part) for part in (query, key, value))
    scores = _apart(product(low, query, permuted(key, (0, 2, 1))), heads)
    scores = low.pointwise(lambda a, b: low.make("mul", a, b), scores, scale)
    mask = settings.get("attn_mask")
    if mask is not None:
        scores = low.pointwise(lambda a, b: low.make("add", a, b), scores, mask)
    found = product(low, _merged(low, safe_softmax(low, scores, -1)), value)
    return [_apart(found, heads), log_sum_exp(low, scores, [-1])]


def _merged(low: Lowering, value: Value) -> Value:
    """The heads of every row one after another, as one axis."""
    if value.batch != 0 or value.ndim != 4:
        raise mixes_rows(low.where, low.name)
    return value.seen(value.look.flatten(1, 2), 0)


def _apart(value: Value, heads: int) -> Value:
    return value.seen(value.look.unflatten(1, (1, heads)), 0)


ROWS: dict[str, Callable[..., Any]] = {"_scaled_dot_product_flash_attention_for_cpu": _attention}
