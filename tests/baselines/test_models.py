"""Models 1 and 2 on the notes' worked example."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from everystep.baselines import FeedForward, GeneralLinear
from everystep.errors import ArgumentError, DataError, NotFittedError, ShapeError


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def last_three(x: torch.Tensor) -> torch.Tensor:
    padded = torch.cat([torch.zeros_like(x[:2]), x])
    return padded[2:] + padded[1:-1] + padded[:-2]


def test_alpha_of_the_worked_example_is_one_on_the_last_three_inputs() -> None:
    x = draw(8, 200, 1)
    model = GeneralLinear().fit(x, last_three(x))
    for t, alpha in enumerate(model.alpha, start=1):
        expected = torch.tensor([0.0] * (t - 3) + [1.0] * min(t, 3), dtype=torch.float64)
        assert torch.allclose(alpha.flatten(), expected, rtol=0, atol=1e-12)  # noise-free, well-conditioned: roundings


def test_model_2_extends_to_sequences_never_seen_but_not_to_a_longer_t() -> None:
    x, fresh = draw(8, 200, 1), draw(8, 50, 1, seed=1)
    model = GeneralLinear().fit(x, last_three(x))
    assert torch.allclose(model(fresh), last_three(fresh), rtol=0, atol=1e-12)  # roundings
    assert torch.equal(model.predict(fresh[:3]), model(fresh)[:3])
    with pytest.raises(ArgumentError, match=r"fitted for t = 1 to 8: there is no alpha for t = 9"):
        model.predict(draw(9, 1, 1))


def test_parameters_of_model_2_grow_like_half_the_square_of_t() -> None:
    for T in (4, 8, 16):
        x = draw(T, 10, 2)
        assert GeneralLinear().fit(x, x[..., :1]).parameters_count == 2 * T * (T + 1) // 2


def test_several_inputs_and_outputs_are_fitted_as_numpy_would() -> None:
    x, y = draw(5, 100, 2), draw(5, 100, 3, seed=1)
    model = GeneralLinear(strengths=[0.0]).fit(x, y)
    for t in range(1, 6):
        past = x[:t].transpose(0, 1).reshape(100, -1).numpy()
        expected = np.linalg.lstsq(past, y[t - 1].numpy(), rcond=None)[0]
        np.testing.assert_allclose(model.alpha[t - 1].reshape(-1, 3).numpy(), expected, rtol=0, atol=1e-13)  # roundings


def test_noise_makes_model_2_choose_some_ridge() -> None:
    x = draw(20, 30, 1)
    y = last_three(x) + 3 * draw(20, 30, 1, seed=1)
    assert max(GeneralLinear().fit(x, y).chosen) > 1e-3


def test_model_2_looks_at_no_future_step() -> None:
    x = draw(6, 50, 1)
    model = GeneralLinear().fit(x, last_three(x))
    changed = x.clone()
    changed[4:] = float("nan")
    assert torch.equal(model(changed)[:4], model(x)[:4])


def test_model_2_keeps_the_dtype_of_x_and_works_at_the_edges() -> None:
    x = draw(6, 50, 1).float()
    model = GeneralLinear().fit(x, last_three(x))
    assert model(x).dtype == torch.float32
    assert model(x[:0]).shape == (0, 50, 1)
    assert model(x[:, :0]).shape == (6, 0, 1)


def test_model_2_refuses_what_it_cannot_use() -> None:
    x = draw(6, 50, 1)
    with pytest.raises(NotFittedError, match=r"call fit\(x, y\) first"):
        GeneralLinear().predict(x)
    with pytest.raises(DataError, match="6 steps of 1 sequence;"):
        GeneralLinear().fit(x[:, :1], x[:, :1])
    with pytest.raises(ShapeError, match=r"y \(5, 50, 1\)"):
        GeneralLinear().fit(x, x[:5])
    with pytest.raises(ShapeError, match="input=1"):
        GeneralLinear().fit(x, x).predict(draw(6, 50, 2))


def test_model_1_sees_one_step_at_a_time() -> None:
    torch.manual_seed(0)
    model, x = FeedForward(2, 3).double(), draw(5, 4, 2)
    changed = x.clone()
    changed[1] += 1
    same = torch.tensor([True, False, True, True, True])
    assert torch.equal(model(changed)[same], model(x)[same])
    assert not torch.equal(model(changed)[1], model(x)[1])
    assert model(x).shape == (5, 4, 3)


def test_model_2_predicts_whole_numbers_as_floating_ones() -> None:
    x = torch.arange(40.0).reshape(2, 20, 1).sin()
    model = GeneralLinear().fit(x, 0.5 * x)
    assert torch.allclose(model.predict(torch.ones(2, 3, 1, dtype=torch.long)), torch.full((2, 3, 1), 0.5))


def test_model_2_names_the_place_of_what_is_not_finite() -> None:
    x = draw(6, 50, 2)
    x[3, 7, 1] = torch.nan
    with pytest.raises(DataError, match="x holds nan at step 3 of sequence 7, feature 1"):
        GeneralLinear().fit(x, x)


@pytest.mark.parametrize("strengths", [(), (-1.0,)])
def test_model_2_refuses_strengths_that_no_ridge_has(strengths) -> None:
    x = draw(6, 50, 1)
    with pytest.raises(ArgumentError, match="expected at least one, each 0 or more"):
        GeneralLinear(strengths).fit(x, x)


def test_model_2_refuses_no_features() -> None:
    x = draw(6, 50, 1)
    with pytest.raises(ShapeError, match="x has 0 features and y 1 output;"):
        GeneralLinear().fit(x[..., :0], x)
