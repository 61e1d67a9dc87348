"""Closed-form identification: what it finds in clean and in noisy data."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch

from everystep.cells import LinearSystem
from everystep.identify import identify
from everystep.unroll import unroll

NOTES_W = torch.tensor([[0.0, 0, 0], [1, 0, 0], [0, 1, 0]], dtype=torch.float64)


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def last_three(x: torch.Tensor) -> torch.Tensor:
    padded = torch.cat([torch.zeros_like(x[:2]), x])
    return padded[2:] + padded[1:-1] + padded[:-2]


def random_system(seed: int, size: int, inputs: int = 1, outputs: int = 1, radius: float = 0.9) -> LinearSystem:
    torch.manual_seed(seed)
    system = LinearSystem(inputs, size, outputs).double()
    with torch.no_grad():
        W = torch.randn_like(system.W)
        system.W.copy_(W * radius / torch.linalg.eigvals(W).abs().max())
        for parameter in (system.U, system.V, system.c):
            parameter.normal_()
    return system


def run(system: LinearSystem, x: torch.Tensor, start: torch.Tensor | None = None) -> torch.Tensor:
    with torch.no_grad():
        return unroll(system, x, None if start is None else system.State(start)).y


def hankel_values(system: LinearSystem, blocks: int = 20) -> np.ndarray:
    W, U, V = (p.detach().numpy() for p in (system.W, system.U, system.V))
    g = [V @ U]
    for _ in range(2 * blocks):
        U = W @ U
        g.append(V @ U)
    return np.linalg.svd(np.block([[g[i + j] for j in range(blocks)] for i in range(blocks)]), compute_uv=False)


def identifiable_system(seed: int, size: int) -> LinearSystem:
    """A random system whose smallest Hankel singular value is twice what noise of sd 0.1 on 5,000 steps hides."""
    candidates = (random_system(1000 * seed + k, size, radius=0.4 + 0.5 * k / 100) for k in range(100))
    return next(system for system in candidates if hankel_values(system)[size - 1] > 0.02)


def sizes_found_in_noise(systems: list[LinearSystem]) -> list[int]:
    """Sizes read off 5,000 steps with noise of sd 0.1 and a random start, one series for each system."""
    W, U, V = (torch.stack([getattr(system, name).detach() for system in systems]) for name in "WUV")
    x, s, y = draw(5000, len(systems), 1), draw(len(systems), len(W[0]), 1, seed=1), []
    for t in range(5000):  # the systems side by side
        s = W @ s + U @ x[t, :, :, None]
        y.append((V @ s)[..., 0])
    noisy = torch.stack(y) + 0.1 * draw(5000, len(systems), 1, seed=2)
    return [identify(x[:, [n]], noisy[:, [n]]).W.shape[0] for n in range(len(systems))]


def output_error(found: LinearSystem, true: LinearSystem) -> float:
    x = draw(100, 20, true.input_size, seed=99)
    y = run(true, x)
    return float((run(found, x) - y).square().mean() / y.square().mean())


@pytest.mark.parametrize(("steps", "batch"), [(100, 1), (19, 1), (5, 100), (20, 50)])
def test_the_worked_example_gives_the_notes_own_matrices(steps: int, batch: int) -> None:
    x = draw(steps, batch, 1)
    found = identify(x, last_three(x))
    # Clean, well-conditioned data: a few hundred roundings of 1e-16.
    for value, expected in (
        (found.W, NOTES_W),
        (found.U, NOTES_W.new_tensor([[1], [0], [0]])),
        (found.V, torch.ones(1, 3)),
    ):
        assert torch.allclose(value, expected.double(), rtol=0, atol=1e-13)
    assert abs(float(found.c.detach())) < 1e-13
    fresh = draw(1000, 5, 1, seed=1)
    assert float((run(found, fresh) - last_three(fresh)).square().mean() / 3) < 1e-24  # errors of 1e-13, squared


@pytest.mark.parametrize("size", [1, 2, 3, 4, 6])
@pytest.mark.parametrize(("inputs", "outputs"), [(1, 1), (2, 2), (3, 1), (1, 3)])
def test_a_clean_random_system_is_found_with_its_size_offset_and_any_start(
    size: int, inputs: int, outputs: int
) -> None:
    true = random_system(size, size, inputs, outputs)
    x = draw(300, 2, inputs, seed=size) + 0.5
    found = identify(x, run(true, x, start=10 * draw(2, size, seed=3)))
    assert found.W.shape == (size, size)
    assert torch.allclose(found.c, true_offset(true, found), rtol=1e-6, atol=1e-6)  # below: 1e-9 singular values may go
    assert (
        output_error(found, true) < 1e-16
    )  # the Hankel matrix's condition number, up to 1e6, times roundings, squared


def true_offset(true: LinearSystem, found: LinearSystem) -> torch.Tensor:
    """The true system's constant response, its bias b included; the fitted one has all of it in c."""
    assert not found.b.any()
    return true.c + true.V @ torch.linalg.solve(torch.eye(len(true.W)).double() - true.W, true.b)


@pytest.mark.parametrize("radius", [0.95, 0.99, 0.999])
def test_slow_memory_needs_no_long_series(radius: float) -> None:
    true = random_system(2, 3, radius=radius)
    x = draw(200, 1, 1)
    found = identify(x, run(true, x, start=draw(1, 3)))
    assert found.W.shape == (3, 3)
    assert output_error(found, true) < 1e-16  # 200 steps at condition 1e4: roundings, squared


def test_noise_leaves_the_notes_size_right() -> None:
    notes = random_system(0, 3)
    with torch.no_grad():
        notes.W.copy_(NOTES_W)
        notes.U.copy_(NOTES_W.new_tensor([[1], [0], [0]]))
        notes.V.fill_(1)
    assert sizes_found_in_noise([notes] * 20).count(3) >= 19  # 95 of 100, on a fifth of the tries


@pytest.mark.parametrize("size", [2, 3, 4])
def test_noise_leaves_the_size_of_identifiable_systems_right(size: int) -> None:
    systems = [identifiable_system(seed, size) for seed in range(20)]
    assert sizes_found_in_noise(systems).count(size) >= 19  # 95 of 100, on a fifth of the tries


def test_noise_of_sd_a_tenth_moves_the_response_by_a_few_hundredths_of_it() -> None:
    x = draw(5000, 1, 1)
    found = identify(x, last_three(x) + 0.1 * draw(5000, 1, 1, seed=1) + 7)
    # One coefficient's standard error is 0.1 / sqrt(5000) = 0.0014; five of them.
    assert torch.allclose(found.V, torch.ones(1, 3).double(), rtol=0, atol=0.007)
    assert torch.allclose(found.W, NOTES_W, rtol=0, atol=0.007)
    assert abs(float(found.c.detach()) - 7) < 0.007


def test_the_units_of_the_data_do_not_matter() -> None:
    x = draw(200, 1, 1)
    y = last_three(x)
    found = identify(1e6 * x + 3e6, 1e-4 * y + 5)
    assert found.W.shape == (3, 3)
    assert torch.allclose(
        found.V, 1e-10 * torch.ones(1, 3).double(), rtol=1e-6
    )  # y = 5 ± 1e-4 has 12 digits of it left
    assert torch.allclose(found.W, NOTES_W, rtol=0, atol=1e-6)


def test_float32_data_give_a_float32_system() -> None:
    x = draw(500, 1, 1).float()
    found = identify(x, last_three(x))
    assert found.W.dtype == torch.float32
    assert found.W.shape == (3, 3)
    assert torch.allclose(found.W, NOTES_W.float(), rtol=0, atol=1e-6)  # the data are rounded to 6e-8


def test_a_given_state_size_is_used() -> None:
    true = random_system(0, 4)
    x = draw(500, 1, 1)
    y = run(true, x)
    for size in (1, 2, 3, 4):
        assert identify(x, y, state_size=size, form="balanced").W.shape == (size, size)


def test_both_forms_are_the_same_system() -> None:
    true = random_system(1, 4, 2, 2)
    x = draw(300, 1, 2)
    y = run(true, x)
    one, other = identify(x, y), identify(x, y, form="balanced")
    assert torch.allclose(run(one, x), run(other, x), rtol=0, atol=1e-10)  # roundings through a basis of condition 1e3
    powers = [torch.linalg.matrix_power(other.W.detach(), k) for k in range(200)]
    reached, shown = other.U.detach() * x.std((0, 1)), other.V.detach() / y.std((0, 1))[:, None]
    reach = torch.stack([(P @ reached).square().sum(1) for P in powers]).sum(0)
    see = torch.stack([(shown @ P).square().sum(0) for P in powers]).sum(0)
    assert torch.allclose(reach, see, rtol=0.2)  # balanced up to the end of the Hankel matrix, which has few blocks


def test_an_unstable_system_is_found_and_said() -> None:
    true = random_system(0, 2, radius=1.05)
    x = draw(100, 1, 1)
    with pytest.warns(
        UserWarning, match=r"unstable: the largest eigenvalue of W has modulus 1\.05, .* 132 over 100 steps"
    ):
        found = identify(x, run(true, x))
    assert found.W.shape == (2, 2)


def test_an_integrator_is_found_and_said() -> None:
    x = draw(100, 1, 1)
    with pytest.warns(UserWarning, match="edge of stability"):
        found = identify(x, x.cumsum(0))
    assert torch.allclose(found.W, torch.ones(1, 1).double(), rtol=0, atol=1e-9)  # roundings of a pole at 1
    assert not found.c.any()


def test_a_fit_leaves_the_seed_and_the_data_alone() -> None:
    x = draw(50, 1, 1)
    y, state = last_three(x), torch.get_rng_state()
    before = x.clone(), y.clone()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        one, other = identify(x, y), identify(x, y)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(x, before[0])
    assert torch.equal(y, before[1])
    assert torch.equal(one.W, other.W)
