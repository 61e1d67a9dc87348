"""Which views of parameters share memory."""

from __future__ import annotations

from everystep.compiler.ir import View


def overlaps(view: View) -> bool:
    """Tell whether elements of a view may share memory with one another; never no where they do."""
    reach = 0
    for stride, size in sorted((abs(stride), size) for stride, size in zip(view.strides, view.shape, strict=True)):
        if size > 1 and stride <= reach:
            return True
        reach += stride * (size - 1)
    return False


def may_meet(a: View, b: View) -> bool:
    """Tell whether two views may share an element; never no where they do."""
    if a.root != b.root or 0 in {*a.shape, *b.shape} or not ranges_meet(reach(a), reach(b)):
        return False
    big, small = max(a.strides), min(a.strides)
    if a.strides != b.strides or small < 0 or big == small:
        return True
    cells = [cell(view, big) for view in (a, b)]
    if any(columns[1] >= big for _, columns in cells):
        return True
    return all(ranges_meet(one, other) for one, other in zip(*cells, strict=True))


def reach(view: View) -> tuple[int, int]:
    """Give the first and the last place in memory that a view looks at."""
    ends = [stride * (size - 1) for stride, size in zip(view.strides, view.shape, strict=True)]
    return view.offset + sum(min(0, end) for end in ends), view.offset + sum(max(0, end) for end in ends)


def cell(view: View, big: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """Give the lines of a matrix with lines of ``big`` elements, and the columns, that hold a view of it."""
    line, column = divmod(view.offset, big)
    axis = view.strides.index(big)
    lines, columns = view.shape[axis] - 1, (view.shape[1 - axis] - 1) * view.strides[1 - axis]
    return (line, line + lines), (column, column + columns)


def ranges_meet(a: tuple[int, int], b: tuple[int, int]) -> bool:
    """Tell whether two ranges, ends included, have a place in common."""
    return a[0] <= b[1] and b[0] <= a[1]
