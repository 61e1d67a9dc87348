"""Searches for the outputs of a sequence to sequence model: greedy, beam, sampling; of any model with one step."""

from everystep.seq2seq.search.beam import beam
from everystep.seq2seq.search.ensemble import Ensemble
from everystep.seq2seq.search.forced import force
from everystep.seq2seq.search.greedy import greedy
from everystep.seq2seq.search.hypothesis import Hypothesis
from everystep.seq2seq.search.limits import Limits
from everystep.seq2seq.search.model import Model, Scores
from everystep.seq2seq.search.ranking import Ranking
from everystep.seq2seq.search.sampling import sample

__all__ = ["Ensemble", "Hypothesis", "Limits", "Model", "Ranking", "Scores", "beam", "force", "greedy", "sample"]
