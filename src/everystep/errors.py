"""Every refusal of everystep, as one tree.

EverystepError
├── ShapeError          a tensor has the wrong axes or sizes
├── DTypeError          a tensor has the wrong dtype
├── DeviceError         a tensor lies on the wrong device
├── ArgumentError       a value is out of range, or two arguments contradict each other
├── UnknownNameError    a name is not among those known ("did you mean ...")
├── StateError          a state is not of the cell's type, or a part is missing
├── LayerError          a drop-in for a layer of torch is called wrongly where torch raises RuntimeError
├── StepError           a step returned something other than (state, y)
├── TapError            a tap's name is used twice or its value has no batch axis
├── DataError           a table, file or series can't be used as it is
├── NotFittedError      a model is asked before it was fitted
├── TrainingError       a training run can't start or go on
│   └── NonFiniteError  a loss or gradient is NaN or infinite
├── RunError            a directory holds another run, or something else altogether
├── ModelFileError      a saved model is damaged, incomplete or too new
├── EngineError         an engine can't serve a call
└── MissingExtraError   an optional dependency is not installed

A message says who, what came, what was expected, then the mend. Each class is also
the built-in exception that a caller would expect (``ValueError``, ``TypeError`` ...).
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any


class EverystepError(Exception):
    """The root: catch this to catch every refusal of the library."""


class ShapeError(EverystepError, ValueError):
    """A tensor has the wrong axes or sizes."""


class DTypeError(EverystepError, TypeError):
    """A tensor has the wrong dtype."""


class DeviceError(EverystepError, ValueError):
    """A tensor lies on the wrong device."""


class ArgumentError(EverystepError, ValueError):
    """A value is out of range, or two arguments contradict each other."""


class UnknownNameError(EverystepError, ValueError):
    """A name is not among those known."""


class StateError(EverystepError, TypeError):
    """A state is not of the cell's type, or a part is missing."""


class LayerError(EverystepError, RuntimeError):
    """A drop-in for a layer of torch is called wrongly where torch raises RuntimeError."""


class StepError(EverystepError, TypeError):
    """A step returned something other than (state, y)."""


class TapError(EverystepError, ValueError):
    """A tap's name is used twice, or its value has no batch axis."""


class DataError(EverystepError, ValueError):
    """A table, file or series can't be used as it is."""


class NotFittedError(EverystepError, RuntimeError):
    """A model is asked before it was fitted."""


class TrainingError(EverystepError, RuntimeError):
    """A training run can't start or go on."""


class NonFiniteError(TrainingError):
    """A loss or gradient is NaN or infinite."""


class RunError(EverystepError, RuntimeError):
    """A directory holds another run, or something else altogether."""


class ModelFileError(EverystepError, ValueError):
    """A saved model is damaged, incomplete or too new."""


class EngineError(EverystepError, RuntimeError):
    """An engine can't serve a call."""


class MissingExtraError(EverystepError, ImportError):
    """An optional dependency is not installed."""


class FallbackWarning(UserWarning):
    """A slower engine runs than the one that would be chosen; the message says why, once."""


def unknown(who: str, what: str, name: object, known: Iterable[str]) -> UnknownNameError:
    """Make the error for a name that is not known.

    Args:
        who: What was called, for instance ``"LSTM"``.
        what: What kind of name it is, for instance ``"record"``.
        name: The name that came.
        known: Every name that would have been right.

    Returns:
        The error, to be raised by the caller.

    Example:
        >>> from everystep.errors import unknown
        >>> print(unknown("LSTM", "record", "forgt", ["input", "forget"]))
        LSTM: record "forgt" is unknown; did you mean "forget"? Known here: input, forget.
    """
    known = list(known)
    close = get_close_matches(str(name), known, n=1)
    hint = f'; did you mean "{close[0]}"?' if close else "."
    listed = f" Known here: {', '.join(known)}." if known else " None is known here."
    return UnknownNameError(f'{who}: {what} "{name}" is unknown{hint}{listed}')


def check_whole(who: str, name: str, value: Any, least: int = 1) -> None:
    """Refuse what is no whole number, or too small a one.

    Args:
        who: What was called, for instance ``"beam"``.
        name: Of the argument.
        value: What came.
        least: The smallest that is right.

    Raises:
        ArgumentError: The value is not an ``int``, or is below ``least``; True and False are no numbers here.

    Example:
        >>> from everystep.errors import check_whole
        >>> check_whole("beam", "width", 0)
        Traceback (most recent call last):
        everystep.errors.ArgumentError: beam: width is 0; expected a whole number, 1 or more.
    """
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise ArgumentError(f"{who}: {name} is {value!r}; expected a whole number, {least} or more.")


def counted(count: int, one: str, many: str | None = None) -> str:
    """Write a count with its noun: ``1 step``, ``3 steps``.

    Example:
        >>> from everystep.errors import counted
        >>> counted(1, "axis", "axes"), counted(2, "axis", "axes"), counted(0, "row")
        ('1 axis', '2 axes', '0 rows')
    """
    return f"{count} {one if count == 1 else many or one + 's'}"
