"""Text in and out of a sequence to sequence model: vocabularies, parallel files, batches by symbols, metrics."""

from __future__ import annotations

from everystep.text.batches import TokenBatches
from everystep.text.edits import exact, per, wer
from everystep.text.encoded import Pairs, Unknown, encode_lines, encode_pairs
from everystep.text.groups import in_groups
from everystep.text.learning import check_kind, learn
from everystep.text.lines import Lines, lines_of, read_lines
from everystep.text.loading import load_vocabulary
from everystep.text.metrics import METRICS, Metric, score, variants
from everystep.text.notes import LeftOut
from everystep.text.overlap import bleu, chrf, tokenised_bleu
from everystep.text.padded import Padded, PairBatch, pad, shift
from everystep.text.parallel import SCAN, ParallelText, read_pairs, read_parallel
from everystep.text.score import Score, macro
from everystep.text.symbols import BEGIN, END, PAD, SPECIALS, UNKNOWN
from everystep.text.vocabulary import Vocabulary

__all__ = [
    "BEGIN",
    "END",
    "METRICS",
    "PAD",
    "SCAN",
    "SPECIALS",
    "UNKNOWN",
    "LeftOut",
    "Lines",
    "Metric",
    "Padded",
    "PairBatch",
    "Pairs",
    "ParallelText",
    "Score",
    "TokenBatches",
    "Unknown",
    "Vocabulary",
    "bleu",
    "check_kind",
    "chrf",
    "encode_lines",
    "encode_pairs",
    "exact",
    "in_groups",
    "learn",
    "lines_of",
    "load_vocabulary",
    "macro",
    "pad",
    "per",
    "read_lines",
    "read_pairs",
    "read_parallel",
    "score",
    "shift",
    "tokenised_bleu",
    "variants",
    "wer",
]
