"""New data for a fitted model, and what is known ahead."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from data.tables import frame, many, several
from everystep.data import future_times, read_future, read_panel, read_panel_like
from everystep.errors import DataError, UnknownNameError


def table(n: int = 20) -> pd.DataFrame:
    whole = several(n)
    return whole.assign(temp=np.arange(3.0 * n), sky=["sun", "rain"] * (3 * n // 2))


@pytest.fixture
def schema():
    return read_panel(table(), future=["temp", "sky"], horizon=3).schema


def refusal(call, *args, kind=DataError, **options) -> str:
    with pytest.raises(kind) as caught:
        call(*args, **options)
    return str(caught.value)


def test_the_same_data_gives_the_same_series(schema):
    first, second = read_panel(table(), future=["temp", "sky"], horizon=3), read_panel_like(table(), schema)
    assert second.schema == schema
    for a, b in zip(first.series, second.series, strict=True):
        assert np.array_equal(a.future, b.future)
        assert np.array_equal(a.target, b.target)


def test_new_series_are_refused_by_name_or_accepted(schema):
    new = table().replace({"unique_id": {"b": "bb", "c": "d"}})
    assert refusal(read_panel_like, new, schema, kind=UnknownNameError) == (
        'the frame: series "bb" is unknown; did you mean "b"? Known here: a, b, c. 2 series are new to the model.'
    )
    assert read_panel_like(new, schema, new_ids="accept").ids == ("a", "bb", "d")


def test_of_many_known_series_the_nearest_is_shown_and_a_few_more():
    fitted = read_panel(many(1000, 10)).schema
    new = frame(10).assign(unique_id="s-777")
    assert refusal(read_panel_like, new, fitted, kind=UnknownNameError) == (
        'the frame: series "s-777" is unknown; did you mean "s777"? '
        "Known here: s777, s0, s1, s2, s3, s4, s5, s6, s7, s8, s9, and more."
    )


def test_a_new_category_is_zero_everywhere_and_said(schema):
    new = table().replace({"sky": {"rain": "snow"}})
    panel = read_panel_like(new, schema)
    assert panel.series[0].future[1, 1:].tolist() == [0, 0]
    assert 'Column "sky": 30 rows with a category the model never saw (snow).' in panel.notes


def test_missing_columns_are_named(schema):
    assert refusal(read_panel_like, table().drop(columns="temp"), schema, kind=UnknownNameError) == (
        'the frame: column "temp" is unknown. Known here: unique_id, ds, y, sky.'
    )


def test_another_step_or_kind_of_time_is_refused(schema):
    hourly = table().assign(ds=list(pd.date_range("2024-01-01", periods=20, freq="h")) * 3)
    assert "no whole number of steps of D" in refusal(read_panel_like, hourly, schema)
    counted = table().assign(ds=list(range(20)) * 3)
    assert refusal(read_panel_like, counted, schema) == (
        'the frame: column "ds" holds whole numbers; the model was fitted on dates.'
    )


def test_times_in_utc_stay_so():
    zoned = frame().assign(ds=frame()["ds"].dt.tz_localize("UTC"))
    fitted = read_panel(zoned).schema
    assert read_panel_like(zoned, fitted).schema.timezone == "UTC"
    assert refusal(read_panel_like, frame(), fitted) == (
        'the frame: column "ds" has no offset from UTC; the model was fitted on times with offsets from UTC.'
    )
    assert refusal(read_panel_like, zoned, read_panel(frame()).schema) == (
        'the frame: column "ds" has offsets from UTC; the model was fitted on times with no offset from UTC.'
    )


def test_a_few_new_rows_may_be_constant():
    fitted = read_panel(frame()).schema
    assert len(read_panel_like(frame(2).assign(y=1.0), fitted).series[0]) == 2


def ahead() -> tuple[pd.DataFrame, dict[str, np.datetime64]]:
    whole = table(24)
    after = {one: np.datetime64("2024-01-20") for one in ("a", "b", "c")}
    return whole[whole["ds"] > "2024-01-15"].drop(columns="y"), after


def test_what_is_known_ahead_is_found_by_series_and_time(schema):
    source, after = ahead()
    found = read_future(source.sample(frac=1, random_state=0), schema, after)
    assert found["b"][:, 0].tolist() == [44, 45, 46]
    assert found["b"].shape == (3, 3)
    assert read_future(source, schema, {"c": after["c"]}, horizon=4)["c"][:, 0].tolist() == [68, 69, 70, 71]


def test_missing_rows_of_the_future_are_named(schema):
    source, after = ahead()
    assert refusal(read_future, source[source["ds"] != "2024-01-22"], schema, after) == (
        'the frame: 3 rows of the future missing (series "a" at 2024-01-22, series "b" at 2024-01-22, series "c" at '
        "2024-01-22); each step to be forecast needs its values of the future columns, in 3 series."
    )
    longer = refusal(read_future, source, schema, after, horizon=7)
    assert '9 rows of the future missing (series "a" at 2024-01-25' in longer
    assert 'series "c" at 2024-01-21' in refusal(read_future, source[source["unique_id"] != "c"], schema, after)


def test_missing_columns_and_values_of_the_future_are_named(schema):
    source, after = ahead()
    assert refusal(read_future, source.drop(columns="sky"), schema, after, kind=UnknownNameError) == (
        'the frame: column "sky" is unknown. Known here: unique_id, ds, temp.'
    )
    source = source.reset_index(drop=True)
    source.loc[6, "temp"] = np.nan
    assert refusal(read_future, source, schema, after) == (
        'the frame: row 6, column "temp": the value is missing or infinite (1 such cell).'
    )


def test_a_text_ahead_that_is_no_known_category_is_refused(schema):
    source, after = ahead()
    source = source.reset_index(drop=True)
    source.loc[6, "sky"] = "sum"
    assert refusal(read_future, source, schema, after, kind=UnknownNameError) == (
        'the frame: row 6, column "sky": category "sum" is unknown; did you mean "sun"? Known here: rain, sun.'
    )
    source.loc[6, "sky"] = None
    assert 'category "(missing)" is unknown' in refusal(read_future, source, schema, after, kind=UnknownNameError)


def test_a_time_that_comes_twice_ahead_is_refused(schema):
    source, after = ahead()
    twice = pd.concat([source, source.iloc[[6]]])
    assert 'series "a" has the time 2024-01-22 twice (also row 6)' in refusal(read_future, twice, schema, after)


def test_ten_thousand_series_ahead_take_seconds():
    import time

    ids = tuple(f"s{i}" for i in range(10_000))
    whole = many(10_000, 10).assign(temp=np.arange(100_000.0))
    fitted = read_panel(whole[whole["ds"] <= "2024-01-08"], future="temp", horizon=2).schema
    last = np.datetime64("2024-01-08")
    start = time.perf_counter()
    found = read_future(whole, fitted, dict.fromkeys(ids, last))
    # takes 0.6 s on an idle core; 10 s leaves room for a busy one
    assert time.perf_counter() - start < 10
    assert found["s1"][:, 0].tolist() == [18, 19]
    assert len(future_times(last, fitted.freq, 2)) == 2
