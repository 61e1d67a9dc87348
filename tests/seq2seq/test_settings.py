"""What a model is made of is plain values; schedules and dropped words are their equations."""

from __future__ import annotations

import json

import pytest
import torch

from everystep.errors import ArgumentError, UnknownNameError
from everystep.seq2seq import Seq2Seq, Seq2SeqConfig, schedules
from everystep.seq2seq.symbols import drop_words
from everystep.text import UNKNOWN
from seq2seq.made import SYMBOLS


def test_words_are_dropped_and_marks_are_not():
    torch.manual_seed(0)
    symbols = torch.randint(0, SYMBOLS, (40, 50))
    dropped = drop_words(symbols, 0.25)
    marks = symbols < 4
    assert torch.equal(dropped[marks], symbols[marks])
    share = (dropped != symbols)[~marks].double().mean().item()
    assert abs(share - 0.25) < 0.05  # more than four standard deviations of 1,100 coins
    assert set(dropped[dropped != symbols].tolist()) == {UNKNOWN}


def test_a_config_goes_through_json():
    config = Seq2SeqConfig(source_symbols=40, target_symbols=50, attention="none", cell="elman", dropout=0.1)
    assert Seq2SeqConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config
    Seq2Seq.from_config(config)


@pytest.mark.parametrize(
    ("settings", "error", "words"),
    [
        ({"attention": "aditive"}, UnknownNameError, 'did you mean "additive"'),
        ({"cell": "lsmt"}, UnknownNameError, 'did you mean "lstm"'),
        ({"bridge": "bridge"}, UnknownNameError, "Known here: last, mean, learned, zero"),
        ({"hidden": 0}, ArgumentError, "hidden is 0; expected a whole number, 1 or more"),
        ({"hidden": 1}, ArgumentError, "for two directions; expected 2 or more"),
        ({"dropout": 1.0}, ArgumentError, "dropout is 1.0; expected 0 or more and less than 1"),
        ({"tied": "all"}, ArgumentError, "one vocabulary for both sides"),
        ({"attention": "none", "bridge": "zero"}, ArgumentError, "would learn nothing of the source"),
        ({"bidirectional": 1}, ArgumentError, "bidirectional is 1; expected true or false"),
        ({"hiden": 4}, UnknownNameError, 'did you mean "hidden"'),
    ],
)
def test_a_config_that_makes_no_sense_is_refused(settings, error, words):
    with pytest.raises(error, match=words):
        Seq2SeqConfig.from_dict({"source_symbols": 9, "target_symbols": 8, **settings})


def test_schedules_go_from_the_truth_to_less_of_it():
    for schedule in (
        lambda step: schedules.linear(step, slope=0.01, least=0.2),
        lambda step: schedules.exponential(step, base=0.99),
        lambda step: schedules.inverse_sigmoid(step, k=20),
    ):
        values = [schedule(step) for step in range(0, 2000, 10)]
        assert values[0] > 0.95
        assert values == sorted(values, reverse=True)
        assert 0 <= values[-1] <= 0.2
    assert schedules.linear(10_000, slope=0.01, least=0.2) == 0.2
    with pytest.raises(ArgumentError, match="base is 2"):
        schedules.exponential(1, base=2)
