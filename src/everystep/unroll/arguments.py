"""The checks behind the door: each says who, what came, what was expected, and the mend."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.compiler import is_dynamo_compiling

from everystep.cell import Cell, PartSize, part_shape
from everystep.engines import Forced
from everystep.engines.stepping import dtype_name, part_names, streams_of
from everystep.errors import ArgumentError, DeviceError, DTypeError, ShapeError, StateError, counted, unknown


def check_cell(caller: str, cell: Any) -> None:
    """Refuse what is neither a cell nor a function."""
    if isinstance(cell, type) or not (isinstance(cell, Cell) or callable(cell)):
        kind = f"the class {cell.__name__}" if isinstance(cell, type) else f"of type {type(cell).__name__}"
        raise ArgumentError(
            f"{caller}: cell is {kind}; expected a cell, such as LSTM(input_size, hidden_size), "
            "or a function (state, x)."
        )


def check_input(who: str, cell: Any, x: Any) -> None:
    """Refuse an x that does not fit the cell: axes, features, dtype, device."""
    if not isinstance(x, Tensor) and not getattr(x, "_fields", ()):
        raise DTypeError(f"{who}: x is a {type(x).__name__}; expected a tensor or a NamedTuple of tensors.")
    sizes = _input_sizes(who, cell, x)
    streams = streams_of(x)
    for name, stream in streams.items():
        if not isinstance(stream, Tensor):
            raise DTypeError(f"{who}: x.{name} is a {type(stream).__name__}; expected a tensor.")
        label = "x" if isinstance(x, Tensor) else f"x.{name}"
        _check_axes(who, label, stream, sizes[name])
        if isinstance(cell, Cell):
            _check_like_parameters(who, label, stream, cell, may_be_whole=not isinstance(x, Tensor))
    extents = {name: tuple(stream.shape[:2]) for name, stream in streams.items()}
    first, *others = extents.values()
    if any(other != first for other in others):  # no set of them, for which torch.compile would need fixed numbers
        raise ShapeError(f"{who}: the streams of x differ in (time, batch): {extents}; expected the same for all.")


def extent(cell: Any, x: Any) -> tuple[int, int, Tensor]:
    """Give T, B and a floating tensor that stands for dtype and device."""
    streams = list(streams_of(x).values())
    steps, rows = streams[0].shape[:2]
    parameters = list(cell.parameters()) if isinstance(cell, Cell) else []
    floating = [value for value in (*streams, *parameters) if value.is_floating_point()]
    return steps, rows, floating[0] if floating else streams[0].new_empty(0, dtype=torch.get_default_dtype())


def check_state(who: str, cell: Any, state: Any, rows: int, like: Tensor, context: Any) -> None:
    """Refuse a state that is not of the cell's type, or whose parts have the wrong shape, dtype or device."""
    if isinstance(cell, Cell) and not isinstance(state, cell.State):
        name, fields = cell.State.__name__, ", ".join(cell.State._fields)
        mend = f"{name}(*state)" if isinstance(state, tuple) else f"{name}({fields})"
        raise StateError(f"{who}: state is a {type(state).__name__}; expected {name}({fields}): pass {mend}.")
    if isinstance(cell, Cell):
        for part, value in zip(cell.State._fields, state, strict=True):
            _check_part(who, part, value, (rows, *part_shape(cell, part, context)), like)
        return
    for part, value in zip(part_names(state), (state,) if isinstance(state, Tensor) else state, strict=True):
        _check_part(who, part, value, (rows, *value.shape[1:]), like)


def zeros_like_state(who: str, state: Any) -> Any:
    """Give the start of a plain function: zeros in the shape of the state it was given."""
    if state is None:
        raise StateError(f"{who}: a plain function has no initial state of its own: pass state=.")
    if isinstance(state, Tensor):
        return torch.zeros_like(state)
    if not isinstance(state, tuple) or not all(isinstance(part, Tensor) for part in state):
        raise StateError(f"{who}: state is a {type(state).__name__}; expected a tensor or a tuple of tensors.")
    zeros = [torch.zeros_like(part) for part in state]
    return type(state)(*zeros) if hasattr(state, "_fields") else tuple(zeros)


def used_steps(who: str, steps: int, rows: int, lengths: Any, mask: Any, device: torch.device) -> Tensor | None:
    """Join ``lengths`` and ``mask`` into one (time, batch) bool; None where every step is used."""
    used = flags(who, "mask", mask, steps, rows, device)
    if lengths is None:
        return used
    lengths = _checked_lengths(who, lengths, steps, rows).to(device)
    within = torch.arange(steps, device=device).unsqueeze(1) < lengths
    return within if used is None else within & used


def flags(who: str, name: str, value: Any, steps: int, rows: int, device: torch.device) -> Tensor | None:
    """Check a (time, batch) bool argument and bring it to the device of x."""
    if value is None:
        return None
    if not isinstance(value, Tensor) or value.dtype != torch.bool:
        came = dtype_name(value) if isinstance(value, Tensor) else type(value).__name__
        mend = f"{name}.bool()" if isinstance(value, Tensor) else f"torch.as_tensor({name}, dtype=torch.bool)"
        raise DTypeError(f"{who}: {name} is {came}; expected a bool tensor (time, batch): pass {mend}.")
    if value.shape != (steps, rows):
        raise ShapeError(f"{who}: {name} has shape {tuple(value.shape)}; expected (time={steps}, batch={rows}).")
    return value.to(device)


def recorded(who: str, record: Any) -> tuple[str, ...] | str:
    """Give the names to record as a tuple, or "all"."""
    if not isinstance(record, Iterable):
        raise DTypeError(f'{who}: record is {record!r}; expected names of taps and state parts, or "all".')
    if isinstance(record, str):
        return record if record == "all" else (record,)
    return tuple(record)


def forced_parts(who: str, forced: Any) -> Mapping[str, Any]:
    """Give what is forced by part; nothing where None came."""
    if not isinstance(forced, Mapping | None):
        raise DTypeError(f"{who}: forced is a {type(forced).__name__}; expected {{part: (values, where)}}.")
    return forced or {}


def forced_pair(who: str, part: str, pair: Any, steps: int, like: Tensor) -> Forced:
    """Check the values and mask that replace one state part."""
    if not (isinstance(pair, tuple) and len(pair) == 2 and isinstance(pair[0], Tensor)):
        raise DTypeError(f"{who}: forced {part} is a {type(pair).__name__}; expected two tensors (values, where).")
    values, where = pair
    if values.shape != (steps, *like.shape):
        size = ", ".join(map(str, like.shape[1:]))
        raise ShapeError(
            f"{who}: forced {part} has values of shape {tuple(values.shape)}; "
            f"expected (time={steps}, batch={like.shape[0]}, {size})."
        )
    if values.dtype != like.dtype and not torch.is_autocast_enabled(like.device.type):
        raise DTypeError(
            f"{who}: forced {part} has dtype {dtype_name(values)}; the state has {dtype_name(like)}: "
            f"pass values.to({like.dtype})."
        )
    checked = flags(who, f"forced {part} where", where, steps, like.shape[0], like.device)
    if checked is None:
        raise DTypeError(f"{who}: forced {part} where is None; expected a bool tensor (time, batch).")
    return Forced(values.to(like.device), checked)


def axes(size: PartSize) -> tuple[int | str, ...]:
    """Give the size of a part as a tuple of axes."""
    return size if isinstance(size, tuple) else (size,)


def _input_sizes(who: str, cell: Any, x: Any) -> Mapping[str, int | None]:
    """Give the features expected of each stream; None where anything goes."""
    names = tuple(streams_of(x))
    if not isinstance(cell, Cell):
        return dict.fromkeys(names)
    sizes = cell.input_size
    if isinstance(sizes, dict) and isinstance(x, Tensor):
        raise ShapeError(f"{who}: x is one tensor; expected a NamedTuple of streams ({', '.join(sizes)}).")
    if isinstance(sizes, int) and not isinstance(x, Tensor):
        raise ShapeError(
            f"{who}: x has the streams ({', '.join(names)}); expected one tensor (time, batch, input={sizes})."
        )
    if isinstance(sizes, dict) and set(sizes) != set(names):
        raise ShapeError(f"{who}: x has the streams ({', '.join(names)}); expected ({', '.join(sizes)}).")
    return sizes if isinstance(sizes, dict) else {"x": sizes}


def _check_axes(who: str, label: str, x: Tensor, size: int | None) -> None:
    shape = tuple(x.shape)
    expected = "(time, batch, input)" if size is None else f"(time, batch, input={size})"
    if x.ndim == 2:
        mend = f"The batch axis is missing: pass {label}.unsqueeze(1)."
        if size == 1 and shape[1] != 1:
            mend = f"The feature axis is missing: pass {label}.unsqueeze(-1)."
        raise ShapeError(f"{who}: {label} has shape {shape}; expected {expected}. {mend}")
    if x.ndim < 3 or (size is not None and x.ndim > 3):
        raise ShapeError(
            f"{who}: {label} has shape {shape}, {counted(x.ndim, 'axis', 'axes')}; expected 3: {expected}."
        )
    if size is not None and shape[2] != size:
        raise ShapeError(f"{who}: {label} has shape {shape}, {counted(shape[2], 'feature')}; expected {expected}.")


def _check_like_parameters(who: str, label: str, x: Tensor, cell: Cell[Any], *, may_be_whole: bool) -> None:
    parameter = next((p for p in cell.parameters() if p.is_floating_point()), None)
    if parameter is None:
        return
    if x.device != parameter.device:
        raise DeviceError(
            f"{who}: {label} is on {x.device}; the parameters are on {parameter.device}: "
            f'pass {label}.to("{parameter.device}").'
        )
    if may_be_whole and not x.is_floating_point():
        return
    if x.dtype != parameter.dtype and not torch.is_autocast_enabled(x.device.type):
        raise DTypeError(
            f"{who}: {label} has dtype {dtype_name(x)}; the parameters have {dtype_name(parameter)}: "
            f"pass {label}.to({parameter.dtype})."
        )


def _check_part(who: str, part: str, value: Any, shape: tuple[int, ...], like: Tensor) -> None:
    if not isinstance(value, Tensor):
        raise StateError(f"{who}: state part {part} is a {type(value).__name__}; expected a tensor.")
    if value.shape != shape:
        expected = ", ".join([f"batch={shape[0]}", *map(str, shape[1:])])
        raise ShapeError(f"{who}: state part {part} has shape {tuple(value.shape)}; expected ({expected}).")
    if value.device != like.device:
        raise DeviceError(f"{who}: state part {part} is on {value.device}; x is on {like.device}.")
    if value.is_floating_point() and value.dtype != like.dtype and not torch.is_autocast_enabled(like.device.type):
        raise DTypeError(
            f"{who}: state part {part} has dtype {dtype_name(value)}; x has {dtype_name(like)}: "
            f"pass {part}.to({like.dtype})."
        )


def _checked_lengths(who: str, lengths: Any, steps: int, rows: int) -> Tensor:
    lengths = lengths if isinstance(lengths, Tensor) else _as_tensor(who, lengths)
    if lengths.numel() and (lengths.is_floating_point() or lengths.dtype == torch.bool or lengths.is_complex()):
        raise DTypeError(
            f"{who}: lengths has dtype {dtype_name(lengths)}; expected whole numbers (batch,): pass lengths.long()."
        )
    lengths = lengths.long()  # a narrow type could not be compared with the number of steps
    if lengths.shape != (rows,):
        raise ShapeError(f"{who}: lengths has shape {tuple(lengths.shape)}; expected (batch={rows},).")
    if is_dynamo_compiling():
        from everystep.unroll import graph_lengths  # noqa: F401  (operations that a graph alone needs)

        return torch.ops.everystep.within(who, lengths, steps)
    check_range(who, lengths, steps)
    return lengths


def check_range(who: str, lengths: Tensor, steps: int) -> None:
    """Refuse a length of fewer than no steps, or of more than x has."""
    outside = ((lengths < 0) | (lengths > steps)).nonzero().flatten().tolist()
    if outside:
        row = outside[0]
        more = f" ({counted(len(outside) - 1, 'more row')} likewise)" if len(outside) > 1 else ""
        raise ArgumentError(
            f"{who}: lengths[{row}] is {int(lengths[row])}; expected 0..{steps}, x has {counted(steps, 'step')}.{more}"
        )


def _as_tensor(who: str, lengths: Any) -> Tensor:
    try:
        return torch.as_tensor(list(lengths))
    except (TypeError, ValueError, RuntimeError) as error:
        raise DTypeError(f"{who}: lengths is {lengths!r}; expected whole numbers (batch,).") from error


def recomputed(who: str, recompute: Any) -> str | None:
    """Check how the backward pass gets what it needs."""
    if recompute not in (None, "segments"):
        raise unknown(who, "recompute", recompute, ["segments"])
    return recompute
