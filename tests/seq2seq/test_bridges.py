"""A bridge leads from any encoder to any decoder."""

from __future__ import annotations

import itertools

import pytest
import torch

import everystep as es
from everystep.seq2seq import BRIDGES, Decoder, Embedding, Encoder, General, Last, Learned, Mean
from seq2seq.made import batch, model

CELLS = ("elman", "gru", "lstm", "slstm", "lru", "lstmp", "jordan")


def bridged(bridge, one, other, *, both=True, layers=(1, 1), units=(4, 6)):
    torch.manual_seed(0)
    cells = es.cells.CELLS
    encoder = Encoder(Embedding(9, 5), units[0], cells[one], layers=layers[0], bidirectional=both)
    decoder = Decoder(
        Embedding(9, 5), units[1], cells[other], memory_size=encoder.output_size, layers=layers[1], attention=General,
        attend="before",
    )  # fmt: skip
    encoder, decoder = encoder.double(), decoder.double()
    pairs = batch()
    with es.use_engine("reference"):
        encoded = encoder(pairs.source, pairs.source_lengths)
    made = BRIDGES[bridge](encoder, decoder.stack).double()
    state = decoder.remember(encoded, made(encoder, encoded)).start
    return encoder, encoded, made, state, decoder.cell.initial_state(3, encoded.memory)


@pytest.mark.parametrize("bridge", BRIDGES)
def test_every_pair_of_cells_is_bridged(bridge):
    for one, other in itertools.product(CELLS, CELLS):
        _, _, _, state, start = bridged(bridge, one, other)
        for part, value in state._asdict().items():
            assert value.shape[0] == 3, part
            assert value.isfinite().all(), part
        same = all(torch.equal(value, own) for value, own in zip(state, start, strict=True))
        assert same == (bridge == "zero"), (one, other)


@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize("layers", [(1, 3), (3, 1), (2, 2)])
def test_stacks_of_any_height_are_bridged(both, layers):
    for bridge in BRIDGES:
        _, _, _, state, _ = bridged(bridge, "lstm", "gru", both=both, layers=layers)
        assert [part for part in state._fields if part.startswith("layer")] == [f"layer{n}_h" for n in range(layers[1])]
        if bridge != "zero":
            assert all(bool(part.any()) for part in state)


def test_last_hands_over_the_very_state_where_it_fits():
    _, encoded, made, state, _ = bridged("last", "lstm", "lstm", both=False, layers=(2, 2), units=(6, 6))
    for n in range(2):
        assert torch.equal(getattr(state, f"layer{n}_h"), encoded.final[n].forward.h)
        assert torch.equal(getattr(state, f"layer{n}_c"), encoded.final[n].forward.c)
    assert not list(made.parameters())
    _, encoded, made, state, _ = bridged("last", "lstm", "lstm", units=(3, 6))
    ways = encoded.final[0]
    assert torch.equal(state.layer0_c, torch.cat([ways.forward.c, ways.reverse.c], dim=-1))
    assert torch.equal(state.query, state.layer0_h)


def test_last_matches_the_top_layers():
    _, encoded, _, state, _ = bridged("last", "gru", "gru", both=False, layers=(3, 2), units=(6, 6))
    assert torch.equal(state.layer1_h, encoded.final[2].forward.h)
    assert torch.equal(state.layer0_h, encoded.final[1].forward.h)


def test_last_does_not_invent_a_normaliser():
    _, _, _, state, start = bridged("last", "gru", "slstm")
    assert state.layer0_h.any()
    assert torch.equal(state.layer0_n, start.layer0_n)
    assert torch.equal(state.layer0_m, start.layer0_m)
    _, encoded, _, state, _ = bridged("last", "slstm", "slstm", both=False, units=(6, 6))
    assert torch.equal(state.layer0_n, encoded.final[0].forward.n)


def test_learned_and_mean_are_their_equations():
    encoder, encoded, made, state, _ = bridged("learned", "gru", "lstm")
    assert isinstance(made, Learned)
    ways = encoded.final[0]
    ends = torch.cat([ways.forward.h, ways.reverse.h], dim=-1)
    assert torch.equal(encoder.ends(encoded), ends)
    assert torch.equal(state.layer0_c, torch.tanh(made.maps["layer0_c"](ends)))
    _, encoded, made, state, _ = bridged("mean", "gru", "lstm")
    assert isinstance(made, Mean)
    alone = encoded.memory[:2, 1].mean(0)  # the second sequence has two symbols
    # one product of three rows and one of one row round differently
    torch.testing.assert_close(state.layer0_h[1], torch.tanh(made.maps["layer0_h"](alone)), rtol=0, atol=1e-14)


def test_padding_of_the_source_does_not_reach_the_decoder():
    network, pairs = model(bridge="last", attention="none"), batch()
    noisy = pairs.source.masked_fill(torch.arange(6).unsqueeze(1) >= pairs.source_lengths, 8)
    with es.use_engine("reference"):
        clean, padded = (network.encode(source, pairs.source_lengths).start for source in (pairs.source, noisy))
    assert all(torch.equal(one, other) for one, other in zip(clean, padded, strict=True))
    assert isinstance(network.bridge, Last)
