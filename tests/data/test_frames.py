"""Frames of several libraries in, and a forecast out in the caller's own."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.tables import frame, several
from everystep.data import forecast_frame, read_panel
from everystep.errors import DataError


def same(one, other) -> None:
    assert one.schema == other.schema
    for a, b in zip(one.series, other.series, strict=True):
        assert a.id == b.id
        for part in ("times", "target", "past", "future", "static"):
            assert np.array_equal(getattr(a, part), getattr(b, part)), part


words = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=6)
numbers = st.floats(allow_nan=False, allow_infinity=False, width=64)


@settings(max_examples=30, deadline=None)
@given(
    ids=st.lists(words, min_size=1, max_size=3, unique=True),
    values=st.lists(numbers, min_size=4, max_size=12, unique=True),
    kinds=st.lists(st.sampled_from(["red", "green", "NA"]), min_size=36, max_size=36),
)
def test_pandas_polars_arrow_csv_and_parquet_give_the_same_panel(ids, values, kinds, tmp_path_factory):
    table = pd.concat(
        [
            pd.DataFrame(
                {"unique_id": one, "ds": pd.date_range("2024-01-01", periods=len(values), freq="h"), "y": values}
            )
            for one in ids
        ],
        ignore_index=True,
    )
    table["kind"] = kinds[: len(table)]
    folder = tmp_path_factory.mktemp("same")
    table.to_csv(folder / "a.csv", index=False)
    table.to_parquet(folder / "a.parquet")
    options = {"past": "kind", "horizon": 1}
    expected = read_panel(table, **options)
    assert expected.ids == tuple(ids)
    for source in (pl.from_pandas(table), pa.Table.from_pandas(table), folder / "a.csv", folder / "a.parquet"):
        same(read_panel(source, **options), expected)


def test_an_index_of_times_is_the_time_column():
    indexed = frame().set_index("ds")
    same(read_panel(indexed), read_panel(frame()))
    same(read_panel(indexed.rename_axis(None)), read_panel(frame()))
    same(read_panel(indexed["y"]), read_panel(frame()))
    same(read_panel(several().set_index(["unique_id", "ds"])), read_panel(several()))


def test_periods_are_read_as_their_first_day():
    series = pd.Series([1.0, 2, 4], index=pd.period_range("2024-01", periods=3, freq="M"))
    assert read_panel(series).series[0].times.astype("datetime64[D]").astype(str).tolist() == [
        "2024-01-01", "2024-02-01", "2024-03-01",
    ]  # fmt: skip


def test_a_lazy_frame_is_collected():
    same(read_panel(pl.from_pandas(frame()).lazy()), read_panel(frame()))


def test_ids_of_whole_numbers_are_texts_and_go_back_as_numbers():
    table = several(ids=("1", "2"))
    table["unique_id"] = table["unique_id"].astype(int)
    panel = read_panel(table)
    assert panel.ids == ("1", "2")
    out = forecast_frame(
        np.array(["1"]), panel.series[0].times[-1:], {"p": np.ones(1)}, schema=panel.schema, like=table
    )
    assert out["unique_id"].tolist() == [1]


@pytest.mark.parametrize("make", [pd.DataFrame, pl.from_pandas, pa.Table.from_pandas])
def test_a_forecast_comes_back_in_the_kind_of_the_source(make):
    source = make(several())
    panel = read_panel(source)
    times = panel.series[0].times[-1:]
    out = forecast_frame(np.array(["a"]), times, {"everystep": np.array([2.0])}, schema=panel.schema, like=source)
    assert type(out) is type(source)
    names = out.column_names if isinstance(out, pa.Table) else list(out.columns)
    assert names == ["unique_id", "ds", "everystep"]


def test_a_forecast_keeps_dates_and_zones():
    dates = pl.from_pandas(frame()).with_columns(pl.col("ds").cast(pl.Date))
    panel = read_panel(dates)
    args = (np.array(["y"]), panel.series[0].times[-1:], {"p": np.ones(1)})
    assert forecast_frame(*args, schema=panel.schema, like=dates)["ds"].dtype == pl.Date
    zoned = frame(freq="h").assign(ds=lambda table: table["ds"].dt.tz_localize("Europe/Berlin"))
    panel = read_panel(zoned, timezone="utc")
    out = forecast_frame(args[0], panel.series[0].times[-1:], args[2], schema=panel.schema, like=zoned)
    assert out["ds"].iloc[0] == zoned["ds"].iloc[-1]
    assert str(out["ds"].dt.tz) == "Europe/Berlin"
    assert str(forecast_frame(*args, schema=panel.schema)["ds"].dt.tz) == "UTC"


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (pd.DataFrame(), "the frame has no columns."),
        (pd.DataFrame({"ds": [], "y": []}), "the frame has no rows."),
        (
            pd.DataFrame([[1, 2, 3]], columns=["ds", "y", "y"]),
            'the frame has several columns called "y"; names must differ.',
        ),
        (frame(3).assign(y=[1, "x", 3]), 'the frame: row 1, column "y": "x" is not a number.'),
        (
            frame(3).assign(ds=[pd.Timestamp("2024-01-01"), pd.NaT, pd.NaT]),
            'the frame: row 1, column "ds": the time is missing (2 such cells).',
        ),
        (
            several(3).assign(unique_id=["a", "a", None] * 3),
            'the frame: row 2, column "unique_id": the id is missing (3 such rows).',
        ),
        (
            frame(3).assign(y=pd.date_range("2024-01-01", periods=3)),
            'the frame: row 0, column "y": 2024-01-01 is a time; expected a number.',
        ),
    ],
)
def test_a_bad_frame_is_refused_with_the_row(table, message):
    with pytest.raises(DataError) as caught:
        read_panel(table)
    assert str(caught.value) == message


def test_column_names_that_are_numbers_are_texts():
    table = frame(5).rename(columns={"ds": 0, "y": 1})
    assert read_panel(table, time="0", target="1").schema.targets == ("1",)
