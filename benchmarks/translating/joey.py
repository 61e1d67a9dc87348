"""JoeyNMT's recurrent model of the same sizes, as far as it has them, trained as its own loop trains it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.peers.contender import LeftOut
from everystep.seq2seq import Seq2SeqConfig
from everystep.text import BEGIN, END, PAD, SPECIALS, UNKNOWN, PairBatch

ATTENTIONS = {"general": "luong", "additive": "bahdanau"}
# the order of the special symbols there, with our numbers
THERE = {UNKNOWN: 0, PAD: 1, BEGIN: 2, END: 3}


def training(config: Seq2SeqConfig, batches: Sequence[PairBatch], clip: float, rate: float) -> Callable[[], None]:
    """Give what trains on each batch once.

    Raises:
        LeftOut: It is not installed, or has no such model.
    """
    if config.attend == "before":
        raise LeftOut("attends after the update only")
    try:
        batched, models, vocabulary = (import_module(f"joeynmt.{name}") for name in ("batch", "model", "vocabulary"))
    except ImportError as error:
        raise LeftOut(f"not installed: {error}") from error
    logging.getLogger("joeynmt").setLevel(logging.ERROR)
    source, target = (vocabulary.Vocabulary(*_symbols(n)) for n in (config.source_symbols, config.target_symbols))
    if config.tied == "all":
        target = source
    model = models.build_model(_asked(config), source, target)
    model.loss_function = ("crossentropy", config.label_smoothing)
    optimizer = torch.optim.Adam(model.parameters(), lr=rate)
    fixed = {"src_prompt_mask": None, "trg_prompt_mask": None, "pad_index": THERE[PAD], "eos_index": THERE[END]}
    made = [batched.Batch(**_numbers(batch), **fixed, device=torch.device("cpu")) for batch in batches]

    def run() -> None:
        model.train()
        for batch in made:
            total, *_ = model(return_type="loss", **vars(batch))
            batch.normalize(total, normalization="tokens").backward()
            nn.utils.clip_grad_norm_(model.parameters(), clip)
            optimizer.step()
            optimizer.zero_grad()

    return run


def _asked(config: Seq2SeqConfig) -> dict[str, Any]:
    """Its readout is no embedding; where the embeddings are shared it shares them too."""
    embeddings = {"embedding_dim": config.embedding, "scale": True, "dropout": config.dropout}
    shared = {"rnn_type": config.cell, "num_layers": 1, "dropout": config.dropout, "embeddings": embeddings}
    return {
        "initializer": "xavier_uniform",
        "tied_embeddings": config.tied == "all",
        "encoder": {"type": "recurrent", "hidden_size": config.units, "bidirectional": True, **shared},
        "decoder": {
            "type": "recurrent", "hidden_size": config.hidden, "attention": ATTENTIONS[config.attention],
            "input_feeding": config.input_feeding, "init_hidden": "last", "hidden_dropout": config.dropout, **shared,
        },
    }  # fmt: skip


def _symbols(many: int) -> tuple[list[str], SimpleNamespace]:
    named = {"unk": UNKNOWN, "pad": PAD, "bos": BEGIN, "eos": END}
    places = {f"{name}_id": THERE[number] for name, number in named.items()}
    tokens = {f"{name}_token": f"<{name}>" for name in named}
    special = SimpleNamespace(**places, **tokens, sep_token=None, sep_id=None, lang_tags=[])
    return [f"s{n}" for n in range(many - len(SPECIALS))], special


def _numbers(batch: PairBatch) -> dict[str, Tensor]:
    """Sorted by length of the source, batch first, the begin in front, in its own numbers."""
    order = batch.source_lengths.argsort(descending=True)
    begun = torch.cat([torch.full_like(batch.target[:1], BEGIN), batch.target])
    moved = torch.arange(max(int(batch.source.max()), int(batch.target.max())) + 1)
    for here, there in THERE.items():
        moved[here] = there
    source, target = (moved[side.t()[order]] for side in (batch.source, begun))
    return {"src": source, "src_length": batch.source_lengths[order], "trg": target, "indices": order}
