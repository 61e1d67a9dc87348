"""Run a graph with torch, node by node: slow, readable, differentiable by autograd; what compiled code is judged by."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from everystep.compiler.ir import FOLDS, LEAVES, Graph, Leaf, Node, View, products, sorted_nodes, start_of, views
from everystep.compiler.ops import OPS

Looks = dict[View, Tensor]


def interpret(
    graph: Graph, leaves: Mapping[Leaf, Tensor], roots: Mapping[str, Tensor], looks: Looks | None = None
) -> dict[str, Tensor]:
    """Compute what a step puts out.

    Args:
        graph: The step.
        leaves: What the graph is given, each (rows, size); truths are bool.
        roots: Parameters, and tensors computed from them, by the names that views have for them.
        looks: What views of these roots look at, filled in here; calls that share it share the way back through them,
            which takes as long as a root is large.

    Returns:
        Each output by its name, (rows, size), in the dtype that leaves and roots have together. One row without leaves.
    """
    values = values_of(graph.outputs.values(), leaves, roots, looks)
    return {name: values[node] for name, node in graph.outputs.items()}


def values_of(
    ends: Iterable[Node], leaves: Mapping[Leaf, Tensor], roots: Mapping[str, Tensor], looks: Looks | None = None
) -> dict[Node, Tensor]:
    """The value (rows, size) of each of these nodes and of all that they need."""
    given = [*leaves.values(), *roots.values()]
    dtype = _common_dtype(t.dtype for t in given if t.is_floating_point())
    rows = next((len(t) for t in leaves.values()), 1)
    values: dict[Node, Tensor] = {}
    nodes, looks = sorted_nodes(ends), {} if looks is None else looks
    for view in (view for node in nodes for view in views(node)):
        if view not in looks:
            looks[view] = seen(view, roots[view.root])
    for node in nodes:
        value = _given(node, leaves, looks) if node.op in LEAVES else _computed(node, values, looks)
        values[node] = value.to(torch.bool if node.truth else dtype).expand(rows, node.size)
    return values


def seen(view: View, root: Tensor) -> Tensor:
    """The elements of a root that a view looks at."""
    return root.as_strided(view.shape, view.strides, root.storage_offset() + view.offset)


def reduce_into(
    total: Tensor, view: View, gradient: Tensor, value: Tensor | None = None, row: Tensor | None = None
) -> None:
    """Add a parameter's gradient to ``total``, a contiguous tensor with the parameter's own elements, over all rows.

    Args:
        total: What is added to, in place.
        view: The elements that were used.
        gradient: (rows, out)
        value: (rows, in) for a view of (in, out); None for a vector.
        row: (rows, 1), which row of the view each row of the gradient belongs to.
    """
    places = seen(view, torch.arange(total.numel(), device=total.device))
    if row is not None:
        places, share = places[row.squeeze(1).long()], gradient
    else:
        share = gradient.sum(0) if value is None else value.T @ gradient
    total.view(-1).index_add_(0, places.flatten(), share.flatten())


def _common_dtype(dtypes: Iterable[torch.dtype]) -> torch.dtype:
    common = None
    for dtype in dtypes:
        common = dtype if common is None else torch.promote_types(common, dtype)
    return common or torch.get_default_dtype()


def _given(node: Node, leaves: Mapping[Leaf, Tensor], looks: Looks) -> Tensor:
    if node.op == "leaf":
        return leaves[node.attribute]
    if node.op == "vector":
        return looks[node.attribute]
    return torch.tensor(node.attribute, dtype=torch.float64)


def _computed(node: Node, values: Mapping[Node, Tensor], looks: Looks) -> Tensor:
    if node.op == "slice":
        return values[node.inputs[0]].narrow(1, node.attribute, node.size)
    if node.op == "cat":
        return torch.cat([values[i] for i in node.inputs], 1)
    if node.op == "affine":
        return _sum_of_products(node, values, looks)
    if node.op == "lookup":
        return looks[node.attribute].index_select(0, values[node.inputs[0]].squeeze(1).long())
    shape = (node,) if node.op in {"repeat", *FOLDS} else ()
    return OPS[node.op].run(*(values[i] for i in node.inputs), *shape)


def _sum_of_products(node: Node, values: Mapping[Node, Tensor], looks: Looks) -> Tensor:
    terms = [values[value] @ looks[view] for value, view in products(node)]
    start = start_of(node)
    total = terms.pop(0) if start is None else values[start]
    for term in terms:
        total = total + term
    return total
