"""Weights packed for products."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from llvmlite import binding

from everystep.compiler.ir import View
from everystep.engines.llvm import packing
from everystep.engines.llvm.target import named
from machine_code import HERE, NAMES, compiled, fenced, vectors_for

LAYOUTS = {
    "in lies side by side": lambda K, N: (1, K + 1),
    "out lies side by side": lambda K, N: (N + 2, 1),
    "neither": lambda K, N: (3, 3 * K + 1),
    "all are one number": lambda K, N: (0, 0),
    "overlapping": lambda K, N: (1, 1),
    "backwards": lambda K, N: (1, -K),
    "out is one number": lambda K, N: (1, 0),
}


def looked_at(root, view):
    """A view as an array (in, out)."""
    strides = [stride * root.itemsize for stride in view.strides]
    return np.lib.stride_tricks.as_strided(root[view.offset :], view.shape, strides)


def packed(roots, views, columns, width):
    """What a panel holds, by its definition."""
    K, N = views[0].shape
    panel = np.zeros((packing.tile_count(N, columns, width), K, len(views), columns, width), roots[0].dtype)
    for g, (root, view) in enumerate(zip(roots, views, strict=True)):
        for n in range(N):
            vector, lane = divmod(n, width)
            panel[vector // columns, :, g, vector % columns, lane] = looked_at(root, view)[:, n]
    return panel


def views_of(K, N, layout, count):
    """Views of one root, one after another, and the root: no larger than what they look at."""
    strides = LAYOUTS[layout](K, N)
    first = -min(0, (N - 1) * strides[1])
    views = [View("w", first + 2 * g, strides, (K, N)) for g in range(count)]
    size = max(view.offset + (K - 1) * strides[0] + max(0, (N - 1) * strides[1]) for view in views) + 1
    return views, size


def check(name, dtype, views, size, columns):
    vectors = vectors_for(name, dtype)
    function = packing.packing(vectors, "w", views, columns)
    run = compiled(vectors, named(name))
    root = fenced(np.random.default_rng(0).standard_normal(size).astype(dtype))
    want = packed([root] * len(views), views, columns, vectors.width)
    assert want.size == packing.panel_size(*views[0].shape[:1], len(views), views[0].shape[1], columns, vectors.width)
    whole, cut = (fenced(np.full_like(want, np.nan)) for _ in range(2))
    run(function, whole, 0, len(want), *[root] * len(views))
    for tile in reversed(range(len(want))):
        run(function, cut, tile, tile + 1, *[root] * len(views))
    assert np.array_equal(whole, want)
    assert np.array_equal(cut, want)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", HERE)
def test_panels_hold_every_element_in_its_place_and_zeros_around(name, dtype, layout):
    for K, N, count, columns in [(1, 1, 1, 1), (17, 33, 2, 1), (37, 15, 1, 3), (16, 16, 4, 1)]:
        check(name, dtype, *views_of(K, N, layout, count), columns)


@settings(max_examples=25, deadline=None)
@given(
    some.sampled_from(HERE),
    some.integers(1, 40),
    some.integers(1, 70),
    some.integers(1, 3),
    some.integers(1, 3),
    some.sampled_from(sorted(LAYOUTS)),
)
def test_any_shape_is_packed(name, K, N, count, columns, layout):
    check(name, "float32", *views_of(K, N, layout, count), columns)


def test_views_of_several_roots_share_a_panel():
    name = HERE[0]
    vectors = vectors_for(name, "float32")
    views = [View("a", 1, (1, 5), (5, 7)), View("b", 0, (7, 1), (5, 7))]
    function = packing.packing(vectors, "ab", views, 1)
    roots = [np.arange(36, dtype=np.float32), -np.arange(35, dtype=np.float32)]
    want = packed(roots, views, 1, vectors.width)
    out = np.empty_like(want)
    compiled(vectors, named(name))(function, out, 0, len(want), *roots)
    assert np.array_equal(out, want)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_elements_may_lie_further_than_32_bits_count(layout):
    far, vectors = 2**33, vectors_for(HERE[0], "float32")
    views, size = views_of(20, 20, layout, 1)
    function = packing.packing(vectors, "w", [views[0]._replace(offset=views[0].offset + far)], 1)
    root = np.arange(size, dtype=np.float32)
    want = packed([root], views, 1, vectors.width)
    out = np.empty_like(want)
    compiled(vectors, named(HERE[0]))(function, out, 0, len(want), root.ctypes.data - 4 * far)
    assert np.array_equal(out, want)


@pytest.mark.parametrize("name", NAMES)
def test_packing_can_be_emitted_for_every_target(name):
    vectors = vectors_for(name, "float32")
    for n, layout in enumerate(LAYOUTS):
        packing.packing(vectors, str(n), views_of(40, 40, layout, 2)[0], 2)
    module = binding.parse_assembly(str(vectors.module))
    module.verify()
    assert "pack_0" in named(name).machine().emit_assembly(module)
