"""What may be chosen about a translator, section by section; None means: chosen from the data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from everystep.errors import ArgumentError, EverystepError, UnknownNameError, unknown
from everystep.seq2seq import Seq2SeqConfig

Count = Annotated[int, Field(ge=1)]
Whole = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(ge=0, lt=1)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Metric = Literal["loss", "bleu", "tokenised-bleu", "chrf", "exact", "wer", "per"]


class Section(BaseModel):
    """A table of settings: names are known, values have their type and range."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Text(Section):
    """How text becomes symbols."""

    tokens: str | None = None  # "word", "char", "phones", "bpe:N", "unigram:N"; of the source, and of the target too
    target_tokens: str | None = None  # where the target has others
    shared: bool = False  # one vocabulary for both sides
    minimum_count: Count = 1  # words and characters that come less often are unknown
    maximum_size: Annotated[int, Field(ge=5)] | None = None
    max_length: Count = 250  # training pairs with more symbols on a side are left out


class Model(Section):
    """What the encoder-decoder is made of: the settings of ``Seq2SeqConfig``."""

    embedding: Count | None = None
    hidden: Count | None = None
    encoder_hidden: Count | None = Seq2SeqConfig.encoder_hidden
    cell: str = Seq2SeqConfig.cell
    decoder_cell: str | None = Seq2SeqConfig.decoder_cell
    encoder_layers: Count = Seq2SeqConfig.encoder_layers
    decoder_layers: Count = Seq2SeqConfig.decoder_layers
    bidirectional: bool = Seq2SeqConfig.bidirectional
    residual: bool = Seq2SeqConfig.residual
    attention: str = Seq2SeqConfig.attention
    attend: str = Seq2SeqConfig.attend
    input_feeding: bool = Seq2SeqConfig.input_feeding
    bridge: str = Seq2SeqConfig.bridge
    tied: str = Seq2SeqConfig.tied
    readout_embedding: bool = Seq2SeqConfig.readout_embedding
    dropout: Share | None = None
    word_dropout: Share = Seq2SeqConfig.word_dropout
    label_smoothing: Share | None = None
    readout_precision: str = Seq2SeqConfig.readout_precision


class Training(Section):
    """How the model is trained."""

    epochs: Count | None = None
    learning_rate: Positive = 2e-3
    schedule: Literal["constant", "cosine", "inverse_sqrt", "plateau"] = "cosine"
    plateau: Count | None = None  # epochs without a better one after which schedule "plateau" halves the rate
    warmup_steps: Whole | None = None
    weight_decay: NotNegative = 0.0
    clip_norm: Positive | None = 1.0
    patience: Count | None = None
    average: Count = 1  # epochs whose weights are averaged at the end
    averaged: Literal["best", "last"] = "best"
    batch_symbols: Count | None = None  # on the longer side, padding counted
    batch_pairs: Count | None = None
    metric: Metric | None = None  # what chooses the epoch
    valid_beam: Count = 1
    sampling: Literal["none", "linear", "exponential", "inverse_sigmoid"] = "none"  # scheduled sampling
    sampling_speed: Positive | None = None  # slope, base or k of the schedule
    sampling_least: Share = 0.0  # where the linear schedule ends
    seed: Whole = 0


class Searching(Section):
    """How translations are searched for."""

    beam: Count = 5
    length_penalty: Literal["none", "gnmt", "average"] = "average"
    alpha: NotNegative = 1.0
    coverage: NotNegative = 0.0
    block: Whole = 0  # no n-gram of this size comes twice
    unknown: bool = False  # whether the unknown symbol may be said


class Choices(Section):
    """All of it."""

    text: Text = Text()
    model: Model = Model()
    training: Training = Training()
    search: Searching = Searching()

    def flat(self) -> dict[str, Any]:
        """Give every setting by its name; no two sections share one."""
        return {name: value for section in self.model_dump().values() for name, value in section.items()}

    def chosen(self, **values: Any) -> Choices:
        """Give a copy in which some settings, by name, have other values."""
        return from_flat("Translator", {**self.flat(), **values})


SECTIONS: Mapping[str, type[Section]] = {"text": Text, "model": Model, "training": Training, "search": Searching}
SECTION_OF = {name: section for section, kind in SECTIONS.items() for name in kind.model_fields}


def from_flat(who: str, values: Mapping[str, Any]) -> Choices:
    """Make choices from settings by name.

    Args:
        who: What was called, for messages.
        values: Settings of any section.

    Raises:
        UnknownNameError: There is no such setting; the nearest is named.
        ArgumentError: A value has the wrong type, or is out of range.

    Example:
        >>> from everystep.translate.choices import from_flat
        >>> from_flat("Translator", {"hidden": 64}).model.hidden
        64
    """
    tables: dict[str, dict[str, Any]] = {}
    for name, value in values.items():
        if name not in SECTION_OF:
            raise unknown(who, "setting", name, SECTION_OF)
        tables.setdefault(SECTION_OF[name], {})[name] = value
    return from_tables(who, tables)


def from_tables(who: str, tables: Mapping[str, Any]) -> Choices:
    """Make choices from settings by section, as a configuration file holds them.

    Args:
        who: What messages begin with: a file's name, or what was called.
        tables: A mapping for each section.

    Raises:
        UnknownNameError: There is no such section or setting.
        ArgumentError: A value has the wrong type, or is out of range.
    """
    for section, table in tables.items():
        if section not in SECTIONS:
            raise _no_section(who, section)
        if not isinstance(table, Mapping):
            raise ArgumentError(f"{who}: {section} is {table!r}; expected a table: [{section}], then its settings.")
        for name in table:
            if name not in SECTIONS[section].model_fields:
                raise _no_setting(who, section, name)
    try:
        return Choices.model_validate({section: SECTIONS[section](**table) for section, table in tables.items()})
    except ValidationError as error:
        raise _out_of_range(who, error) from None


def _no_section(who: str, section: str) -> EverystepError:
    if section in SECTION_OF:
        return UnknownNameError(
            f'{who}: setting "{section}" stands in no section; it belongs to [{SECTION_OF[section]}].'
        )
    return unknown(who, "section", section, SECTIONS)


def _no_setting(who: str, section: str, name: str) -> EverystepError:
    if name in SECTION_OF:
        return UnknownNameError(f'{who}: setting "{name}" stands in [{section}]; it belongs to [{SECTION_OF[name]}].')
    return unknown(who, f"setting of [{section}]", name, SECTIONS[section].model_fields)


def _out_of_range(who: str, error: ValidationError) -> EverystepError:
    first = error.errors(include_url=False)[0]
    name, value = str(first["loc"][0] if first["loc"] else ""), first["input"]
    if first["type"] == "literal_error":
        expected = str(first.get("ctx", {}).get("expected", "")).replace(" or ", ", ").replace("'", "")
        return unknown(who, name, value, expected.split(", "))
    wanted = first["msg"].removeprefix("Input should be ").rstrip(".")
    return ArgumentError(f"{who}: {name} is {value!r}; expected {wanted[0].lower()}{wanted[1:]}.")
