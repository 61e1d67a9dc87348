"""The exact text of every refusal: who, what came, what was expected, the mend."""

from collections import namedtuple
from typing import NamedTuple

import pytest
import torch
from torch import Tensor

import everystep as es
from everystep import errors

LSTM = es.cells.LSTM(3, 8)
X = torch.zeros(5, 2, 3)
STATE = LSTM.initial_state(2, X)
FLAGS = torch.zeros(5, 2, dtype=torch.bool)


class Pair(NamedTuple):
    a: Tensor
    b: Tensor


class TwoStreams(es.Cell[Pair]):
    State = Pair

    def __init__(self):
        super().__init__({"a": 1, "b": 2}, 1, a=1, b=1)


def broken(step):
    """Make a cell of one part h, two features wide, around a wrong step."""
    kind = namedtuple("HState", ["h"])  # noqa: PYI024 - made afresh for each broken cell

    class Broken(es.Cell):
        State = kind

        def __init__(self):
            super().__init__(3, 2, h=2)

    Broken.step = lambda self, state, x: step(kind, state.h, x)
    return Broken()


def line_of(cell):
    return f"test_refusals.py:{type(cell).step.__code__.co_firstlineno}"


def refused(kind, text, call):
    with pytest.raises(kind) as refusal:
        call()
    assert str(refusal.value) == text


@pytest.mark.parametrize(
    ("kind", "text", "call"),
    [
        (
            errors.ShapeError,
            (
                "LSTM: x has shape (5, 3); expected (time, batch, input=3). "
                "The batch axis is missing: pass x.unsqueeze(1)."
            ),
            lambda: es.unroll(LSTM, torch.zeros(5, 3)),
        ),
        (
            errors.ShapeError,
            (
                "Elman: x has shape (5, 2); expected (time, batch, input=1). "
                "The feature axis is missing: pass x.unsqueeze(-1)."
            ),
            lambda: es.unroll(es.cells.Elman(1, 4), torch.zeros(5, 2)),
        ),
        (
            errors.ShapeError,
            "LSTM: x has shape (5, 2, 3, 1), 4 axes; expected 3: (time, batch, input=3).",
            lambda: es.unroll(LSTM, torch.zeros(5, 2, 3, 1)),
        ),
        (
            errors.ShapeError,
            "LSTM: x has shape (5,), 1 axis; expected 3: (time, batch, input=3).",
            lambda: es.unroll(LSTM, torch.zeros(5)),
        ),
        (
            errors.ShapeError,
            "LSTM: x has shape (5, 2, 4), 4 features; expected (time, batch, input=3).",
            lambda: es.unroll(LSTM, torch.zeros(5, 2, 4)),
        ),
        (
            errors.DTypeError,
            "LSTM: x has dtype float64; the parameters have float32: pass x.to(torch.float32).",
            lambda: es.unroll(LSTM, X.double()),
        ),
        (
            errors.DTypeError,
            "LSTM: x has dtype int64; the parameters have float32: pass x.to(torch.float32).",
            lambda: es.unroll(LSTM, X.long()),
        ),
        (
            errors.DeviceError,
            'LSTM: x is on meta; the parameters are on cpu: pass x.to("cpu").',
            lambda: es.unroll(LSTM, X.to("meta")),
        ),
        (
            errors.DTypeError,
            "LSTM: x is a list; expected a tensor or a NamedTuple of tensors.",
            lambda: es.unroll(LSTM, [1, 2]),
        ),
        (
            errors.ShapeError,
            "LSTM: x has the streams (a, b); expected one tensor (time, batch, input=3).",
            lambda: es.unroll(LSTM, Pair(X, X)),
        ),
        (
            errors.ShapeError,
            "TwoStreams: x is one tensor; expected a NamedTuple of streams (a, b).",
            lambda: es.unroll(TwoStreams(), X),
        ),
        (
            errors.ShapeError,
            "TwoStreams: x.b has shape (5, 2, 3), 3 features; expected (time, batch, input=2).",
            lambda: es.unroll(TwoStreams(), Pair(X[..., :1], X)),
        ),
        (
            errors.ShapeError,
            (
                "TwoStreams: the streams of x differ in (time, batch): {'a': (5, 2), 'b': (4, 2)}; "
                "expected the same for all."
            ),
            lambda: es.unroll(TwoStreams(), Pair(X[..., :1], X[:4, :, :2])),
        ),
        (
            errors.StateError,
            "LSTM: state is a tuple; expected LSTMState(h, c): pass LSTMState(*state).",
            lambda: es.unroll(LSTM, X, tuple(STATE)),
        ),
        (
            errors.StateError,
            "LSTM: state is a Tensor; expected LSTMState(h, c): pass LSTMState(h, c).",
            lambda: es.unroll(LSTM, X, STATE.h),
        ),
        (
            errors.ShapeError,
            "LSTM: state part c has shape (3, 8); expected (batch=2, 8).",
            lambda: es.unroll(LSTM, X, STATE._replace(c=torch.zeros(3, 8))),
        ),
        (
            errors.StateError,
            "LSTM: state part c is a NoneType; expected a tensor.",
            lambda: es.unroll(LSTM, X, STATE._replace(c=None)),
        ),
        (
            errors.DTypeError,
            "LSTM: state part h has dtype float64; x has float32: pass h.to(torch.float32).",
            lambda: es.unroll(LSTM, X, STATE._replace(h=STATE.h.double())),
        ),
        (
            errors.ArgumentError,
            "LSTM: lengths[1] is 6; expected 0..5, x has 5 steps.",
            lambda: es.unroll(LSTM, X, lengths=[5, 6]),
        ),
        (
            errors.ArgumentError,
            "LSTM: lengths[0] is -1; expected 0..5, x has 5 steps. (1 more row likewise)",
            lambda: es.unroll(LSTM, X, lengths=[-1, 9]),
        ),
        (
            errors.DTypeError,
            "LSTM: lengths has dtype float32; expected whole numbers (batch,): pass lengths.long().",
            lambda: es.unroll(LSTM, X, lengths=torch.tensor([5.0, 2.0])),
        ),
        (
            errors.ShapeError,
            "LSTM: lengths has shape (3,); expected (batch=2,).",
            lambda: es.unroll(LSTM, X, lengths=[1, 2, 3]),
        ),
        (
            errors.DTypeError,
            "LSTM: mask is float32; expected a bool tensor (time, batch): pass mask.bool().",
            lambda: es.unroll(LSTM, X, mask=FLAGS.float()),
        ),
        (
            errors.ShapeError,
            "LSTM: resets has shape (2, 5); expected (time=5, batch=2).",
            lambda: es.unroll(LSTM, X, resets=FLAGS.T),
        ),
        (
            errors.UnknownNameError,
            'LSTM: forced part "y" is unknown. Known here: h, c.',
            lambda: es.unroll(LSTM, X, forced=es.teacher_forcing(torch.zeros(5, 2, 8))),
        ),
        (
            errors.ShapeError,
            "LSTM: forced h has values of shape (5, 2, 7); expected (time=5, batch=2, 8).",
            lambda: es.unroll(LSTM, X, forced={"h": (torch.zeros(5, 2, 7), FLAGS)}),
        ),
        (
            errors.DTypeError,
            "LSTM: forced h has dtype float64; the state has float32: pass values.to(torch.float32).",
            lambda: es.unroll(LSTM, X, forced={"h": (torch.zeros(5, 2, 8).double(), FLAGS)}),
        ),
        (
            errors.DTypeError,
            "LSTM: forced h is a Tensor; expected two tensors (values, where).",
            lambda: es.unroll(LSTM, X, forced={"h": torch.zeros(5, 2, 8)}),
        ),
        (
            errors.UnknownNameError,
            (
                'LSTM: record "forgt" is unknown; did you mean "forget"? '
                "Known here: input, forget, candidate, output, h, c."
            ),
            lambda: es.unroll(LSTM, X, record=["forgt"]),
        ),
        (
            errors.UnknownNameError,
            'unroll: engine "referense" is unknown; did you mean "reference"? Known here: reference, llvm, auto.',
            lambda: es.unroll(LSTM, X, engine="referense"),
        ),
        (
            errors.StateError,
            "<lambda>: a plain function has no initial state of its own: pass state=.",
            lambda: es.unroll(lambda s, x: (s, x), X),
        ),
        (
            errors.StateError,
            "<lambda>: state is a list; expected a tensor or a tuple of tensors.",
            lambda: es.unroll(lambda s, x: (s, x), X, [1]),
        ),
        (
            errors.ShapeError,
            "<lambda>: state part state has shape (1, 3); expected (batch=2, 3).",
            lambda: es.unroll(lambda s, x: (s + x, s), X, torch.zeros(1, 3)),
        ),
        (
            errors.ShapeError,
            "<lambda>: state part state has shape (); expected (batch=2).",
            lambda: es.unroll(lambda s, x: (s + x, s), X, torch.zeros(())),
        ),
        (
            errors.ShapeError,
            "teacher_forcing: target has shape (5, 2); expected (time, batch, size).",
            lambda: es.teacher_forcing(torch.zeros(5, 2)),
        ),
    ],
)
def test_a_bad_call_is_refused_in_these_words(kind, text, call):
    refused(kind, text, call)


@pytest.mark.parametrize(
    ("kind", "step", "text"),
    [
        (
            errors.StepError,
            lambda S, h, x: (S(torch.cat([h, h], -1)), h),
            "state part h enters as (batch, 2) and leaves as (batch, 4); a state keeps its shape.",
        ),
        (
            errors.StepError,
            lambda S, h, x: (S(h.double()), h),
            "state part h enters as float32 and leaves as float64; a state keeps its dtype.",
        ),
        (
            errors.StepError,
            lambda S, h, x: (S(h[:1]), h),
            "state part h enters as (2, 2) and leaves as (1, 2); a state keeps its shape.",
        ),
        (errors.StepError, lambda S, h, x: S(h), "returned a HState; expected (state, y)."),
        (errors.StepError, lambda S, h, x: None, "returned None; expected (state, y)."),
        (errors.StepError, lambda S, h, x: (h, S(h)), "returned (y, state); expected (state, y): swap them."),
        (
            errors.StepError,
            lambda S, h, x: ((h,), h),
            "the state it returned is a tuple of 1; expected HState.",
        ),
        (errors.StepError, lambda S, h, x: (S(1.0), h), "state part h leaves as a float; expected a tensor."),
        (errors.StepError, lambda S, h, x: (S(h), 1.0), "y is a float; expected a tensor (batch, output)."),
        (
            errors.StepError,
            lambda S, h, x: (S(h), x),
            "y has shape (2, 3); expected (batch=2, output=2).",
        ),
        (
            errors.StepError,
            lambda S, h, x: (S(h), h[0]),
            "y has shape (2,); expected (batch=2, output=2).",
        ),
        (
            errors.TapError,
            lambda S, h, x: (S(es.tap("h", h)), h),
            'tap "h" has the name of a state part; a part is recorded as it is: drop the tap.',
        ),
        (
            errors.TapError,
            lambda S, h, x: (S(h), es.tap("total", h.sum()) + h),
            'tap "total" is a tensor of shape (); expected a tensor with the batch (2) first.',
        ),
    ],
)
def test_a_bad_step_is_refused_with_its_file_and_line(kind, step, text):
    cell = broken(step)
    refused(kind, f"Broken.step, {line_of(cell)}: {text}", lambda: es.unroll(cell, X))


def test_a_tap_named_twice_is_refused_whether_or_not_it_is_recorded():
    cell = broken(lambda S, h, x: (S(es.tap("a", h)), es.tap("a", h)))
    text = 'tap "a" is used twice in one step: give each tap a name of its own.'
    refused(errors.TapError, text, lambda: es.unroll(cell, X))


def test_a_plain_function_that_breaks_the_contract_is_named_with_its_line():
    def halves(s, x):
        return s[:, :1], s

    text = (
        f"halves, test_refusals.py:{halves.__code__.co_firstlineno}: state part state enters as (batch, 2) "
        "and leaves as (batch, 1); a state keeps its shape."
    )
    refused(errors.StepError, text, lambda: es.unroll(halves, X, torch.zeros(2, 2)))


def test_a_cell_without_a_state_type_says_how_to_give_one():
    class Bare(es.Cell):
        def __init__(self):
            super().__init__(1, 1, h=1)

    text = "Bare: State is None; expected a NamedTuple of tensors. Write State = BareState in the class."
    refused(errors.StateError, text, Bare)


def test_a_cell_whose_parts_and_state_type_differ_is_refused():
    class Odd(es.Cell[Pair]):
        State = Pair

        def __init__(self):
            super().__init__(1, 1, h=1)

    text = "Odd: State has the parts (a, b) and sizes were given for (h); expected the same names."
    refused(errors.StateError, text, Odd)


def test_every_refusal_can_be_caught_by_one_name_and_by_its_builtin():
    for name in ("ShapeError", "ArgumentError", "UnknownNameError", "DataError"):
        assert issubclass(getattr(errors, name), (errors.EverystepError, ValueError))
        assert issubclass(getattr(errors, name), ValueError)
    assert issubclass(errors.StateError, TypeError)
    assert issubclass(errors.MissingExtraError, ImportError)


@pytest.mark.parametrize(
    ("kind", "text", "call"),
    [
        (
            errors.ArgumentError,
            "unroll: cell is the class LSTM; expected a cell, such as LSTM(input_size, hidden_size), "
            "or a function (state, x).",
            lambda: es.unroll(es.cells.LSTM, X),
        ),
        (
            errors.DTypeError,
            'LSTM: record is None; expected names of taps and state parts, or "all".',
            lambda: es.unroll(LSTM, X, record=None),
        ),
        (
            errors.DTypeError,
            "LSTM: forced is a list; expected {part: (values, where)}.",
            lambda: es.unroll(LSTM, X, forced=[1]),
        ),
        (
            errors.DTypeError,
            "LSTM: lengths is 3; expected whole numbers (batch,).",
            lambda: es.unroll(LSTM, X, lengths=3),
        ),
        (
            errors.DTypeError,
            "LSTM: mask is ndarray; expected a bool tensor (time, batch): "
            "pass torch.as_tensor(mask, dtype=torch.bool).",
            lambda: es.unroll(LSTM, X, mask=FLAGS.numpy()),
        ),
        (
            errors.DTypeError,
            "teacher_forcing: target is a ndarray; expected a tensor.",
            lambda: es.teacher_forcing(X.numpy()),
        ),
        (
            errors.ArgumentError,
            "LSTM: input_size is '3'; expected a whole number, 0 or more.",
            lambda: es.cells.LSTM("3", 8),
        ),
    ],
)
def test_an_argument_of_the_wrong_kind_is_refused_in_these_words(kind, text, call):
    refused(kind, text, call)
