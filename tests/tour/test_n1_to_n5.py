"""What the tour's first five items compute, held against what the notes say."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch

from everystep.tour import n1_sharing, n2_dynamics, n3_activation, n4_jordan, n5_example, n5_learned
from everystep.tour.item import Item
from everystep.tour.worked_example import last_three, model3
from everystep.unroll import unroll

LONG = 5000  # stands for the tour's 100,000 here, which takes seconds a model


@pytest.fixture(scope="module")
def items() -> Iterator[dict[str, Item]]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as the tour itself does
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(n1_sharing, "LENGTHS", (10, 1000, LONG))
        patch.setattr(n5_example, "T_LONG", LONG)
        patch.setattr(n5_example, "T_LEARNED", LONG)
        computes: tuple[Callable[[], Item], ...] = (
            n1_sharing.compute,
            n2_dynamics.compute,
            n3_activation.compute,
            n4_jordan.compute,
            lambda: n5_example.compute((3, 1, 4)),
        )
        yield {item.number: item for item in (compute() for compute in computes)}
    torch.set_num_threads(threads)


def test_the_figures_are_json_without_infinity(items: dict[str, Item]) -> None:
    for item in items.values():
        assert json.loads(json.dumps(item.figures, allow_nan=False)) == item.figures
        json.dumps(item.data, allow_nan=False)


def test_n1_parameters_do_not_grow_and_one_model_serves_every_length(items: dict[str, Item]) -> None:
    n1 = items["N1"].figures
    assert n1["parameters"] == {"10": 15, "1000": 15, str(LONG): 15}
    assert all(mse < 1e-16 for mse in n1["one_model_mse"].values())  # trained to 1e-9 of y, squared


def test_n1_a_shared_gradient_is_the_sum_over_untied_copies(items: dict[str, Item]) -> None:
    n1, data = items["N1"].figures, items["N1"].data
    assert n1["tied_gradient_error"] <= 1e-12  # the order of a sum of 12 float64 terms
    assert sum(data["untied"]) == pytest.approx(data["tied"], rel=1e-12)
    assert len(set(data["untied"])) > 1, "each use has a gradient of its own"


def test_n2_unrolling_agrees_with_the_closed_form(items: dict[str, Item]) -> None:
    n2, data = items["N2"].figures, items["N2"].data
    assert n2["autonomous_error"] <= 1e-12  # 60 products in float64
    assert n2["driven_error"] <= 1e-12
    first, last = np.array(data["driven"]["closed_form"])[[0, -1]]
    assert first.tolist() == [1.0, 0.0]
    assert not np.allclose(last, data["autonomous"]["closed_form"][-1], atol=1e-3), "the drive must be seen"


def test_n3_relu_grows_by_the_radius_and_tanh_stays_while_its_gradient_vanishes(items: dict[str, Item]) -> None:
    shift = items["N3"].figures["shift"]
    growth = 1000 * np.log10(1.1)
    start = torch.rand(6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    grown = growth + np.log10(float(start.max()))
    assert shift["relu"]["state_max_log10"] == pytest.approx(grown, abs=1e-9)  # a shift moves the largest unit round
    assert shift["relu"]["gradient_log10"] == pytest.approx(growth + np.log10(6) / 2, abs=1e-9)  # Frobenius, 6 units
    assert shift["tanh"]["state_max_log10"] < 0
    assert shift["tanh"]["gradient_log10"] < -50


def test_n3_random_relu_states_mostly_die_and_tanh_states_stay(items: dict[str, Item]) -> None:
    random = items["N3"].figures["random"]
    for fates in random.values():
        assert sum(fates.values()) == 20
    assert random["relu"]["died"] > 10
    assert random["tanh"]["stayed"] == 20


def test_n4_a_scalar_jordan_network_reaches_its_floors_and_no_further(items: dict[str, Item]) -> None:
    scalar = items["N4"].figures["scalar"]
    assert scalar["forced_floor"] == pytest.approx(2 / 3, rel=1e-12)
    assert scalar["free_floor"] == pytest.approx(0.5194, abs=5e-5)  # as the notes print it
    # 360,000 correlated samples: a standard error of about 0.3 %, and 6,400 training samples leave as little.
    assert scalar["trained_forced"]["forced_mse"] == pytest.approx(2 / 3, rel=0.02)
    assert scalar["trained_free"]["free_mse"] == pytest.approx(0.5194, rel=0.02)
    assert scalar["trained_forced"]["free_mse"] > scalar["trained_free"]["free_mse"]
    assert scalar["trained_free"]["forced_mse"] > scalar["trained_forced"]["forced_mse"]


def test_n4_a_jordan_network_whose_output_shows_its_state_is_exact(items: dict[str, Item]) -> None:
    for task in ("vector", "leaky"):
        assert max(items["N4"].figures[task].values()) <= 1e-6  # the tour's own bar; about 1e-17 is reached


def test_n5_model_3_solves_the_example_exactly(items: dict[str, Item]) -> None:
    n5 = items["N5"].figures
    assert n5["example"] == [1, 3, 6, 9, 12]
    assert n5["model3"] == {"mse": 0.0, "mse_long": 0.0, "T_long": LONG, "parameters": 15}


def test_n5_model_1_stays_at_its_floor(items: dict[str, Item]) -> None:
    model1 = items["N5"].figures["model1"]
    assert model1["mse_floor"] == pytest.approx(37 / 20)
    assert items["N5"].figures["samples"] >= 1_000_000
    assert model1["mse"] == pytest.approx(37 / 20, rel=0.02)  # a standard error of 0.3 % on a million samples


def test_n5_model_2_is_exact_within_and_refuses_beyond(items: dict[str, Item]) -> None:
    model2 = items["N5"].figures["model2"]
    assert model2["mse_within"] < 1e-24  # clean least squares: 1e-13, squared
    assert model2["parameters"] == 20 * 21 // 2
    assert model2["beyond"] == "refused"


def test_n5_model_3_is_learnt_from_every_seed(items: dict[str, Item]) -> None:
    learned = items["N5"].figures["learned"]
    assert [row["seed"] for row in learned["seeds"]] == [0, 1, 2]
    assert learned["mse"] == max(row["mse"] for row in learned["seeds"]) <= 1e-8  # the tour's own bars
    assert learned["mse_T100000"] == max(row["mse_T100000"] for row in learned["seeds"]) <= 1e-7
    assert learned["elman"]["mse"] < 0.01
    assert learned["lstm"]["mse"] < 0.01
    for seed in (20, 21):
        assert n5_learned.learn(n5_learned.Linear, seed, 20, 500, steps=300)["mse"] <= 1e-8


def test_n5_identification_finds_the_notes_own_matrices(items: dict[str, Item]) -> None:
    found = items["N5"].figures["identified"]
    assert found["state_size"] == 3
    assert found["mse"] <= 1e-20
    for name in ("W", "U", "V"):
        np.testing.assert_allclose(found[name], getattr(model3(), name).detach(), rtol=0, atol=1e-13)  # roundings


def test_n5_the_pictures_get_the_asked_x_and_model_2_has_nothing_beyond_its_t(items: dict[str, Item]) -> None:
    data = items["N5"].data
    assert data["x"] == [3, 1, 4]
    assert data["y"] == data["model3"] == [3, 4, 8]
    assert data["model2"] == pytest.approx([3, 4, 8], abs=1e-12)  # roundings
    assert [len(row) for row in data["alphas"]] == list(range(1, 21))
    assert set(data["random"]) == {"x", "y", "model1", "model2", "model3"}
    long = n5_example._answers(
        n5_example.FeedForward(1, 1).double(), n5_example._general_linear(), model3(), torch.ones(25)
    )
    assert long["model2"][19:] == [pytest.approx(3), None, None, None, None, None]


def test_the_worked_example_is_the_notes() -> None:
    x = torch.arange(1.0, 6, dtype=torch.float64).reshape(5, 1, 1)
    assert last_three(x).flatten().tolist() == [1, 3, 6, 9, 12]
    assert torch.equal(unroll(model3(), x).y, last_three(x))
    assert last_three(x[:1]).flatten().tolist() == [1]
