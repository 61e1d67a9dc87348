"""A sequence in, a sequence of another length out: encoder, attention, bridge, decoder."""

from __future__ import annotations

from everystep.seq2seq import schedules
from everystep.seq2seq.additive import Additive
from everystep.seq2seq.attention import Attention, Looked
from everystep.seq2seq.attentive import AttendAfter, AttendBefore
from everystep.seq2seq.bridges import BRIDGES, Bridge, Last, Learned, Mean, Zero
from everystep.seq2seq.config import ATTENTIONS, Seq2SeqConfig
from everystep.seq2seq.decoder import Decoder, Forced, Memory
from everystep.seq2seq.embedding import Embedding
from everystep.seq2seq.encoder import Encoded, Encoder
from everystep.seq2seq.location import Coverage, Location
from everystep.seq2seq.model import Seq2Seq
from everystep.seq2seq.monotonic import Monotonic
from everystep.seq2seq.multiplicative import Dot, General, ScaledDot
from everystep.seq2seq.readout import Readout
from everystep.seq2seq.readout_loss import readout_loss
from everystep.seq2seq.remembering import Remembering
from everystep.seq2seq.stacked import Stacked

__all__ = [
    "ATTENTIONS",
    "BRIDGES",
    "Additive",
    "AttendAfter",
    "AttendBefore",
    "Attention",
    "Bridge",
    "Coverage",
    "Decoder",
    "Dot",
    "Embedding",
    "Encoded",
    "Encoder",
    "Forced",
    "General",
    "Last",
    "Learned",
    "Location",
    "Looked",
    "Mean",
    "Memory",
    "Monotonic",
    "Readout",
    "Remembering",
    "ScaledDot",
    "Seq2Seq",
    "Seq2SeqConfig",
    "Stacked",
    "Zero",
    "readout_loss",
    "schedules",
]
