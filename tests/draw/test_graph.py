from collections import Counter

import pytest
import torch

import everystep as es
from draw.cells_of_users import (
    HOSTILE,
    Delay,
    Frozen,
    HostileNames,
    Opaque,
    OwnCell,
    RunningSum,
    StaleReadout,
    StreamCell,
    Streams,
    Unseen,
    model3,
    shift_register,
)
from everystep.cells import CELLS
from everystep.errors import ArgumentError, EverystepError, ShapeError


def connections(drawing, t=2):
    """What enters the nodes of one step: {(source, target): label}."""
    return {(e.source, e.target): e.label for e in drawing.graph.edges if f"({t})" in e.target}


def test_worked_example_has_16_nodes_and_five_edges_each_of_w_u_v():
    drawing = es.draw(model3(), T=5, x=[1, 2, 3, 4, 5])
    names = [node.name for node in drawing.graph.nodes]
    assert names[:4] == ["s(0)", "x(1)", "s(1)", "y(1)"]
    assert len(names) == len(set(names)) == 16
    assert Counter(edge.label for edge in drawing.graph.edges) == {"W": 5, "U": 5, "V": 5}
    assert connections(drawing, 3) == {("s(2)", "s(3)"): "W", ("x(3)", "s(3)"): "U", ("s(3)", "y(3)"): "V"}
    assert [node.value["y"][0] for node in drawing.graph.nodes if node.kind == "output"] == [1, 3, 6, 9, 12]
    assert next(node for node in drawing.graph.nodes if node.name == "s(5)").value == {"s": (5, 4, 3)}


@pytest.mark.parametrize("name", CELLS)
def test_every_registered_cell_unrolls_to_one_node_a_row_and_edges_between_neighbours_in_time(name):
    cell = CELLS[name](2, 3)
    drawing = es.draw(cell, T=4, x=torch.randn(4, 2, generator=torch.Generator().manual_seed(0)))
    nodes = {node.name: node for node in drawing.graph.nodes}
    rows = {node.row for node in drawing.graph.nodes}
    assert len(nodes) == len(drawing.graph.nodes) == 1 + 4 * len(rows)
    assert len(drawing.graph.edges) == 4 * len(connections(drawing, 2))
    for edge in drawing.graph.edges:
        assert nodes[edge.target].t - nodes[edge.source].t in {0, 1}
        assert set(edge.parameters) <= set(dict(cell.named_parameters()))
    matrices = {name for name, value in cell.named_parameters() if value.ndim == 2}
    assert {name for edge in drawing.graph.edges for name in edge.parameters} >= matrices


def test_gated_cells_show_w_and_u_once_each_and_an_output_without_a_parameter():
    for cell in (es.cells.LSTM(2, 3), es.cells.GRU(2, 3), es.cells.GRU(2, 3, reset="before")):
        state = ", ".join(f"{part}(2)" for part in cell.part_sizes)
        before = ", ".join(f"{part}(1)" for part in cell.part_sizes)
        expected = {(before, state): "W", ("x(2)", state): "U", (state, "y(2)"): ""}
        assert connections(es.draw(cell)) == expected


def test_jordan_recurs_through_its_output_which_is_its_state():
    drawing = es.draw(es.cells.Jordan(1, 3, 1), T=5)
    assert len(drawing.graph.nodes) == 16
    assert connections(drawing) == {("y(1)", "s(2)"): "W", ("x(2)", "s(2)"): "U", ("s(2)", "y(2)"): "V"}


def test_layers_of_a_users_cell_are_named_and_a_direct_path_to_the_output_is_an_edge():
    assert connections(es.draw(OwnCell())) == {
        ("m(1)", "m(2)"): "recurrent_projection.weight",
        ("x(2)", "m(2)"): "enter.weight",
        ("m(2)", "y(2)"): "read.weight",
        ("x(2)", "y(2)"): "read.weight",
    }


def test_a_readout_of_the_old_state_is_told_from_one_of_the_new():
    assert connections(es.draw(StaleReadout()))["m(1)", "y(2)"] == "V"
    assert ("m(2)", "y(2)") not in connections(es.draw(StaleReadout()))


def test_streams_are_one_node_and_factors_count_where_there_is_no_matrix():
    assert connections(es.draw(StreamCell())) == {
        ("m(1)", "m(2)"): "a",
        ("value(2), mark(2)", "m(2)"): "B",
        ("m(2)", "y(2)"): "A",
    }


def test_an_autonomous_system_has_no_input_nodes():
    drawing = es.draw(es.cells.LinearSystem(0, 2, 1), T=3)
    assert len(drawing.graph.nodes) == 7
    assert {node.kind for node in drawing.graph.nodes} == {"state", "output"}
    assert drawing.gradient is None


def test_a_cell_without_parameters_has_edges_without_labels():
    drawing = es.draw(RunningSum(), x=[1, 2, 3])
    assert connections(drawing) == {("m(1)", "m(2)"): "", ("x(2)", "m(2)"): "", ("m(2)", "y(2)"): ""}


def test_what_only_passes_through_a_step_is_what_entered():
    assert connections(es.draw(Delay())) == {("x(2)", "m(2)"): "", ("m(1)", "y(2)"): ""}


def test_connections_that_autograd_does_not_see_are_still_drawn():
    assert connections(es.draw(Unseen())) == {("m(1)", "m(2)"): "", ("x(2)", "m(2)"): "", ("m(2)", "y(2)"): ""}
    assert connections(es.draw(Opaque())) == {("m(1)", "m(2)"): "", ("x(2)", "m(2)"): "", ("m(2)", "y(2)"): ""}


def test_fixed_weights_are_named_like_trained_ones():
    assert connections(es.draw(Frozen())) == {("m(1)", "m(2)"): "W", ("x(2)", "m(2)"): "U", ("m(2)", "y(2)"): ""}


def test_a_plain_function_is_read_with_the_names_around_it():
    drawing = es.draw(shift_register, x=[1, 2, 3, 4, 5], state=torch.zeros(1, 3))
    assert Counter(edge.label for edge in drawing.graph.edges) == {"W": 5, "U": 5, "V": 5}
    assert drawing.gradient == (0, 0, 1, 1, 1)


def test_parametrized_weights_keep_their_own_name():
    cell = OwnCell()
    torch.nn.utils.parametrizations.spectral_norm(cell.recurrent_projection)
    cell.eval()
    assert connections(es.draw(cell))["m(1)", "m(2)"] == "recurrent_projection.weight"


def test_a_name_in_the_graph_is_the_cells_own_whatever_it_holds():
    assert connections(es.draw(HostileNames()))["m(1)", "m(2)"] == HOSTILE


@pytest.mark.parametrize("T", [0, 1, 50])
def test_the_graph_is_whole_however_much_of_it_is_shown(T):
    drawing = es.draw(model3(), T=T, x=torch.ones(T))
    assert len(drawing.graph.nodes) == 1 + 3 * T
    assert len(drawing.graph.edges) == 3 * T
    assert len(drawing.gradient) == T


def test_t_is_taken_from_x_and_is_5_without():
    assert len(es.draw(model3(), x=torch.ones(7)).graph.nodes) == 22
    assert len(es.draw(model3()).graph.nodes) == 16


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        ({"T": -1}, ArgumentError, "T is -1; expected a whole number"),
        ({"T": 2.5}, ArgumentError, "T is 2.5"),
        ({"T": True}, ArgumentError, "T is True"),
        ({"T": 3, "x": [1, 2]}, ArgumentError, "T is 3 and x has 2 steps"),
        ({"x": "abc"}, EverystepError, "x is a str"),
        ({"x": torch.ones(5, 2, 1)}, ShapeError, r"x has shape \(5, 2, 1\).*one sequence"),
        ({"x": torch.ones(5, 4)}, ShapeError, "4 features"),
    ],
)
def test_a_wrong_call_is_refused(arguments, error, said):
    with pytest.raises(error, match=said):
        es.draw(model3(), **arguments)


@pytest.mark.parametrize(("thing", "kind"), [(3, "of type int"), (es.cells.LSTM, "the class LSTM")])
def test_what_is_neither_cell_nor_function_is_refused(thing, kind):
    with pytest.raises(ArgumentError, match=f"^draw: cell is {kind}; expected a cell, such as LSTM"):
        es.draw(thing)


def test_a_plain_function_without_x_or_with_a_batch_is_refused():
    with pytest.raises(ArgumentError, match="pass x="):
        es.draw(shift_register, state=torch.zeros(1, 3))
    with pytest.raises(ShapeError, match="one sequence"):
        es.draw(shift_register, x=[1, 2], state=torch.zeros(4, 3))


def test_streams_are_taken_as_a_namedtuple():
    drawing = es.draw(StreamCell(), x=Streams(torch.ones(4), torch.ones(4, 2)))
    first = next(node for node in drawing.graph.nodes if node.kind == "input")
    assert first.value == {"value": (1,), "mark": (1, 1)}
