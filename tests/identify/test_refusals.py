"""What identification refuses, with the numbers that show why."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from everystep.errors import ArgumentError, DataError, DTypeError, ShapeError, UnknownNameError
from everystep.identify import identify
from everystep.identify.forms import controllable
from everystep.identify.hankel import Realisation


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def last_three(x: torch.Tensor) -> torch.Tensor:
    padded = torch.cat([torch.zeros_like(x[:2]), x])
    return padded[2:] + padded[1:-1] + padded[:-2]


@pytest.mark.parametrize("steps", range(2, 19))
def test_a_series_too_short_for_three_states_is_refused(steps: int) -> None:
    x = draw(steps, 1, 1)
    with pytest.raises(DataError, match=f"1 sequence of {steps} steps: too short"):
        identify(x, last_three(x))


def test_the_notes_five_numbers_are_too_few() -> None:
    x = torch.arange(1.0, 6).reshape(5, 1, 1)
    with pytest.raises(DataError, match="too short"):
        identify(x, last_three(x))


def test_many_sequences_shorter_than_the_memory_are_refused() -> None:
    x = draw(20, 200, 1)
    y = last_three(last_three(last_three(x)))
    with pytest.raises(DataError, match="200 sequences of 3 steps: too short to show the state size"):
        identify(x[-3:], y[-3:])


def test_an_input_that_excites_too_little_is_refused() -> None:
    t = torch.arange(200, dtype=torch.float64).reshape(200, 1, 1)
    for x, rank in ((torch.sin(0.3 * t), 2), (t, 1)):
        with pytest.raises(DataError, match=rf"only {rank} are independent"):
            identify(x, last_three(x))
    with pytest.raises(DataError, match="feature 0 of x is constant at 4"):
        identify(torch.full_like(t, 4), last_three(t))


def test_outputs_without_a_cause_in_x_are_refused() -> None:
    x = draw(500, 1, 1)
    with pytest.raises(DataError, match="y shows no effect of x"):
        identify(x, draw(500, 1, 1, seed=1))
    with pytest.raises(DataError, match="y shows no effect of x"):
        identify(x, torch.full_like(x, 3))


def test_a_state_size_beyond_the_rank_is_refused_with_the_singular_values() -> None:
    x = draw(200, 1, 1)
    with pytest.raises(ArgumentError, match=r"has rank 3: .* are 1, 0\.357, 0\.247, and then rounding"):
        identify(x, last_three(x), state_size=5)
    with pytest.raises(ArgumentError, match="state_size is 60, but 1 sequence of 200 steps allow"):
        identify(x, last_three(x), state_size=60)


@pytest.mark.parametrize("size", [0, -1, True, 2.0, "3"])
def test_a_state_size_that_is_no_size_is_refused(size: object) -> None:
    x = draw(200, 1, 1)
    with pytest.raises(ArgumentError, match="expected a whole number, 1 or more"):
        identify(x, x, state_size=size)  # type: ignore[arg-type]


def test_an_unknown_form_gets_a_suggestion() -> None:
    x = draw(200, 1, 1)
    with pytest.raises(UnknownNameError, match='did you mean "controllable"'):
        identify(x, x, form="controlable")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_values_that_are_not_finite_are_refused_with_their_place(value: float) -> None:
    x = draw(200, 2, 1)
    y = last_three(x)
    y[17, 1, 0] = value
    with pytest.raises(DataError, match=r"y holds (nan|inf) at step 17 of sequence 1, feature 0"):
        identify(x, y)


def test_shapes_and_dtypes_that_do_not_fit_are_refused() -> None:
    x = draw(200, 1, 1)
    with pytest.raises(ShapeError, match=r"x has shape \(200, 1\).*x.unsqueeze\(1\)"):
        identify(x[:, 0], x[:, 0])
    with pytest.raises(ShapeError, match="same time and batch"):
        identify(x, x[:199])
    with pytest.raises(ShapeError, match="none of them 0"):
        identify(x[..., :0], x)
    with pytest.raises(DTypeError, match="float32"):
        identify(x, x.float())
    with pytest.raises(DTypeError, match="int64"):
        identify(x.long(), x.long())


def test_a_controllable_form_without_precision_is_refused() -> None:
    twins = Realisation(np.diag([0.5, 0.5 + 1e-10]), np.ones((2, 1)), np.ones((1, 2)))
    with pytest.raises(DataError, match=r'only 1 of the columns .* form="balanced"'):
        controllable(twins)


def test_an_output_that_never_moves_has_no_size_even_if_one_is_asked_for() -> None:
    x = torch.randn(100, 1, 1, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    with pytest.raises(DataError, match="y shows no effect of x"):
        identify(x, torch.zeros_like(x), state_size=1)


def test_arrays_are_sent_through_torch() -> None:
    x = torch.zeros(100, 1, 1).numpy()
    with pytest.raises(DTypeError, match=r"Pass torch.as_tensor\(x\), torch.as_tensor\(y\)"):
        identify(x, x)
