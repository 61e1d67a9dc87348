"""Steps of a search with few rows are those of the plain step, whatever was stepped before."""

from __future__ import annotations

import copy
import pickle
import threading

import pytest
import torch
from torch import Tensor

from everystep.cell import listen
from everystep.layers import select
from everystep.seq2seq.streams import KEPT, Streams
from seq2seq.made import SHAPES, batch, model

EXACT = {"rtol": 0, "atol": 1e-13}  # two orders of sums of a dozen numbers in float64


def parts(network, rows):
    """A state, what enters, and the memory of some rows of a batch."""
    pairs = batch()
    memory = select(network.encode(pairs.source, pairs.source_lengths), torch.tensor(rows))
    return network.start(memory), network.decoder.embedding(torch.tensor(rows) + 4), memory.looked


def hold(found, expected):
    for ours, theirs in zip(found, expected, strict=True):
        if isinstance(theirs, Tensor):
            torch.testing.assert_close(ours, theirs, **EXACT)
        else:
            assert ours is theirs or type(ours) is type(theirs)
            hold(ours or (), theirs or ())


def streams(network):
    return Streams(network.decoder.cell, network.decoder.embedding, network.decoder.readout)


def plain(network, state, x, looked):
    with listen() as taps:
        state, y = network.decoder.cell.step(state, x, *([] if looked is None else [looked]))
    return network.decoder.readout(y, x).log_softmax(-1), state, taps.get("attention")


def stepped(network, given, few):
    hold(few.step(*given), plain(network, *given))


@pytest.mark.parametrize("shape", SHAPES)
@torch.no_grad()
def test_a_step_of_few_rows_is_the_plain_step(shape):
    network = model(**SHAPES[shape]).eval()
    few = streams(network)
    for rows in ([0], [2], [0, 1, 2, 2], [1, 1], [2, 0, 1]):
        stepped(network, parts(network, rows), few)


@torch.no_grad()
def test_the_first_rows_of_a_memory_are_seen_as_they_are():
    network = model(attention="general").eval()
    few, (state, x, looked) = streams(network), parts(network, [0, 1, 2])
    stepped(network, (state, x, looked), few)
    for n in (2, 1):
        stepped(
            network, (type(state)(*(part[:n] for part in state)), x[:n], type(looked)(*(v[:n] for v in looked))), few
        )
    stepped(network, parts(network, [2, 0]), few)  # another memory, in the same stream


@torch.no_grad()
def test_changed_weights_are_seen():
    network = model(attention="additive").eval()
    few = streams(network)
    stepped(network, parts(network, [0]), few)
    for parameter in network.parameters():
        parameter.mul_(0.5)
    stepped(network, parts(network, [0]), few)


@pytest.mark.parametrize("fused", [False, True])
def test_a_model_that_was_trained_further_says_what_a_copy_of_it_says(fused):
    network, pairs = model(attention="general").eval(), batch()
    optimizer = torch.optim.AdamW(network.parameters(), lr=0.1, fused=fused)
    for _ in range(3):
        said = network.greedy(pairs.source, pairs.source_lengths, 5)
        fresh = copy.deepcopy(network).greedy(pairs.source, pairs.source_lengths, 5)
        assert torch.equal(said.numbers, fresh.numbers)
        network.loss(pairs).backward()
        optimizer.step()


@torch.no_grad()
def test_weights_written_to_unseen_are_read_after_a_change_of_mode():
    network = model(attention="general").eval()
    pairs = batch()
    memory = network.encode(pairs.source, pairs.source_lengths)
    network.advance(network.start(memory), pairs.entering[0], memory)
    for parameter in network.parameters():
        parameter.data.mul_(0.5)
    network.train()
    network.eval()
    memory = network.encode(pairs.source, pairs.source_lengths)
    stepped = network.advance(network.start(memory), pairs.entering[0], memory)
    hold(stepped, plain(network, network.start(memory), network.decoder.embedding(pairs.entering[0]), memory.looked))


@torch.no_grad()
def test_a_copy_of_a_model_steps_with_its_own_weights():
    network = model(attention="general").eval()
    pairs = batch()
    memory = network.encode(pairs.source, pairs.source_lengths)
    before = network.advance(network.start(memory), pairs.entering[0], memory)
    for other in (copy.deepcopy(network), pickle.loads(pickle.dumps(network))):
        for parameter in other.parameters():
            parameter.zero_()
        other.advance(other.start(memory), pairs.entering[0], memory)
        hold(network.advance(network.start(memory), pairs.entering[0], memory), before)


@torch.no_grad()
def test_only_so_many_streams_are_kept():
    network = model(attention="none").eval()
    few = streams(network)
    for rows in range(3 * KEPT, 0, -1):
        stepped(network, (network.decoder.cell.initial_state(rows, x := torch.randn(rows, 5).double()), x, None), few)
    assert len(few._kept) <= KEPT


@torch.no_grad()
def test_threads_do_not_mix_their_steps():
    network = model(attention="general").eval()
    few, given, failed = streams(network), [parts(network, [row]) for row in range(3)], []

    def work(row):
        try:
            for _ in range(20):
                stepped(network, given[row], few)
        except AssertionError as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(row,)) for row in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
