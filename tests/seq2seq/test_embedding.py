"""An embedding reads in with features of about 1, and its weights are small enough to read out with."""

from __future__ import annotations

import math

import pytest
import torch

from everystep.cells import GRU
from everystep.errors import ArgumentError
from everystep.seq2seq import Decoder, Embedding, Encoder, Seq2Seq, Seq2SeqConfig
from everystep.text import PairBatch, pad

SYMBOLS, SIZE = 400, 64


def test_its_vectors_have_features_of_about_1_whatever_their_size():
    torch.manual_seed(0)
    for size in (16, SIZE, 256):
        embedding = Embedding(SYMBOLS, size)
        vectors = embedding(torch.arange(SYMBOLS))
        assert vectors.std().item() == pytest.approx(1, abs=0.05)  # of 6,400 features or more: an error of 0.01
        torch.testing.assert_close(vectors, math.sqrt(size) * embedding.E, rtol=0, atol=0)


@pytest.mark.parametrize("tied", ["none", "target", "all"])
def test_a_model_begins_by_holding_all_symbols_about_equally_likely(tied):
    torch.manual_seed(0)
    config = Seq2SeqConfig(source_symbols=SYMBOLS, target_symbols=SYMBOLS, embedding=SIZE, hidden=SIZE, tied=tied)
    said = torch.randint(4, SYMBOLS, (8, 9)).tolist()
    with torch.no_grad():
        loss = Seq2Seq.from_config(config).loss(PairBatch(*pad(said), *pad(said))).item()
    assert loss == pytest.approx(math.log(SYMBOLS), rel=0.02)  # 5.99; tied to the vectors themselves it is 7.1


@pytest.mark.parametrize("sizes", [(0, 3), (3, 0), (-1, 3), (2.5, 3)])
def test_sizes_that_are_none_are_refused(sizes):
    with pytest.raises(ArgumentError, match="Embedding: s"):
        Embedding(*sizes)


@pytest.mark.parametrize("make", [Encoder, lambda *given: Decoder(*given, memory_size=4)])
def test_an_embedding_of_torch_is_refused_by_name(make):
    expected = (
        r"coder: embedding is a torch\.nn\.\S+\.Embedding; expected an everystep\.seq2seq\.Embedding\(symbols, size\)"
    )
    with pytest.raises(ArgumentError, match=expected):
        make(torch.nn.Embedding(9, 4), 4, GRU)
