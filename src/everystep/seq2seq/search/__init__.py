"""Searches for the outputs of a sequence to sequence model: greedy, beam, sampling; of any model with one step."""

from everystep.seq2seq.search.beam import beam
from everystep.seq2seq.search.hypothesis import Hypothesis
from everystep.seq2seq.search.limits import Limits
from everystep.seq2seq.search.model import Model, Scores
from everystep.seq2seq.search.one_by_one import greedy
from everystep.seq2seq.search.ranking import Ranking

__all__ = ["Hypothesis", "Limits", "Model", "Ranking", "Scores", "beam", "greedy"]
