"""Ridge regression against numpy's own least squares."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from everystep.baselines import fit_ridge, triangle
from everystep.baselines import ridge as ridge_module
from everystep.errors import ArgumentError, DataError, ShapeError


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def test_strength_zero_is_numpy_least_squares() -> None:
    X, Y = draw(60, 5), draw(60, 3, seed=1)
    ridge = fit_ridge(X, Y, X, Y, strengths=[0.0])
    expected = np.linalg.lstsq(X.numpy(), Y.numpy(), rcond=None)[0]
    # 60 rows of condition number about 2: a few hundred roundings of 1e-16.
    np.testing.assert_allclose(ridge.coefficients.numpy(), expected, rtol=0, atol=1e-13)


def test_a_strength_solves_the_penalised_normal_equations() -> None:
    X, Y, strength = draw(60, 5), draw(60, 3, seed=1), 0.3
    ridge = fit_ridge(X, Y, X, Y, strengths=[strength])
    penalty = strength * X.square().sum() / 5 * torch.eye(5, dtype=torch.float64)
    expected = torch.linalg.solve(X.T @ X + penalty, X.T @ Y)
    assert torch.allclose(ridge.coefficients, expected, rtol=0, atol=1e-13)  # roundings of a well-conditioned solve


def test_the_strength_with_the_smallest_error_on_validation_is_chosen() -> None:
    X, truth = draw(40, 30), draw(30, 1, seed=1)
    Y = X @ truth + 3 * draw(40, 1, seed=2)
    X_valid = draw(400, 30, seed=3)
    ridge = fit_ridge(X, Y, X_valid, X_valid @ truth)
    for strength, mse in ridge.valid_mse.items():
        again = fit_ridge(X, Y, X_valid, X_valid @ truth, strengths=[strength])
        direct = (again(X_valid) - X_valid @ truth).square().mean()
        assert mse == pytest.approx(float(direct), rel=1e-10)  # the same sum through the triangle
    assert ridge.strength == min(ridge.valid_mse, key=lambda strength: ridge.valid_mse[strength])
    assert ridge.strength > 0, "noise of sd 3 on 40 rows of 30 features calls for ridge"


def test_fewer_rows_than_features_gives_the_shortest_solution() -> None:
    X, Y = draw(4, 9), draw(4, 2, seed=1)
    ridge = fit_ridge(X, Y, X, Y, strengths=[0.0])
    expected = np.linalg.lstsq(X.numpy(), Y.numpy(), rcond=None)[0]
    np.testing.assert_allclose(ridge.coefficients.numpy(), expected, rtol=0, atol=1e-12)  # roundings


def test_equal_columns_do_not_break_least_squares() -> None:
    column = draw(50, 1)
    X = torch.cat([column, column], 1)
    ridge = fit_ridge(X, 2 * column, X, 2 * column)
    assert torch.allclose(ridge.coefficients, torch.ones(2, 1, dtype=torch.float64), rtol=0, atol=1e-12)  # roundings


def test_blocks_of_rows_give_the_same_fit_as_all_rows_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    X, Y = draw(100, 5), draw(100, 2, seed=1)
    whole = fit_ridge(X, Y, X, Y)
    monkeypatch.setattr(ridge_module, "BLOCK_ROWS", 7)
    blocks = fit_ridge(X, Y, X, Y)
    assert torch.allclose(whole.coefficients, blocks.coefficients, rtol=0, atol=1e-13)  # roundings


def test_the_leading_columns_of_a_triangle_are_the_triangle_of_the_leading_columns() -> None:
    table = draw(30, 6).numpy()
    R = triangle([table])[:, :4]
    np.testing.assert_allclose(R.T @ R, table[:, :4].T @ table[:, :4], rtol=0, atol=1e-12)  # sums of 30 products


def test_float32_rows_are_fitted_in_float64_and_predict_in_float32() -> None:
    X = draw(50, 3).float()
    ridge = fit_ridge(X, X, X, X)
    assert ridge.coefficients.dtype == torch.float64
    assert ridge(X).dtype == torch.float32


def test_windows_may_be_a_strided_view() -> None:
    series = draw(300)
    windows = series.unfold(0, 12, 1)
    ridge = fit_ridge(windows[:, :10], windows[:, 10:], windows[:, :10], windows[:, 10:], strengths=[0.0])
    expected = np.linalg.lstsq(windows[:, :10].numpy(), windows[:, 10:].numpy(), rcond=None)[0]
    np.testing.assert_allclose(ridge.coefficients.numpy(), expected, rtol=0, atol=1e-13)  # roundings


def test_bad_rows_and_strengths_are_refused_with_what_came() -> None:
    X, Y = draw(10, 2), draw(10, 1)
    bad = Y.clone()
    bad[7] = float("nan")
    with pytest.raises(DataError, match="row 7 holds NaN"):
        fit_ridge(X, bad, X, Y)
    with pytest.raises(ShapeError, match=r"Y_valid \(9, 1\)"):
        fit_ridge(X, Y, X, Y[:9])
    with pytest.raises(ShapeError, match="X has 2 features"):
        fit_ridge(X, Y, X[:, :1], Y)
    with pytest.raises(DataError, match="no rows"):
        fit_ridge(X[:0], Y[:0], X, Y)
    with pytest.raises(ArgumentError, match=r"-1\.0"):
        fit_ridge(X, Y, X, Y, strengths=[-1.0])
