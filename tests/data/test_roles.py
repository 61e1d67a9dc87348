"""Which column plays which part, and what becomes of text."""

from __future__ import annotations

import numpy as np
import pytest

from data.tables import frame, several, write
from everystep.data import read_panel
from everystep.errors import ArgumentError, DataError


def refusal(source, kind=DataError, **options) -> str:
    with pytest.raises(kind) as caught:
        read_panel(source, **options)
    return str(caught.value)


def test_the_only_dates_and_the_only_numbers_are_time_and_target():
    panel = read_panel(frame().rename(columns={"ds": "when", "y": "sold"}))
    assert (panel.schema.time, panel.schema.targets) == ("when", ("sold",))
    assert panel.notes[:2] == (
        'Time: column "when", the only one that holds dates.',
        'Target: column "sold", the only one of numbers.',
    )
    assert panel.ids == ("sold",)


def test_what_can_not_be_guessed_is_asked_for():
    assert refusal(frame().rename(columns={"ds": "a"}).assign(b=frame()["ds"])) == (
        'the frame: there is no column "ds" and 2 columns hold dates: a, b; name the time column. Known here: a, y, b.'
    )
    assert refusal(frame().rename(columns={"y": "a"}).assign(b=1.0)) == (
        'the frame: there is no column "y" and 2 columns of numbers; name the target. Known here: ds, a, b.'
    )
    assert refusal(frame()[["y"]].assign(x=1)) == (
        'the frame: there is no column "ds" and no column holds dates; name the time column. Known here: y, x.'
    )


def test_a_column_has_one_part():
    assert refusal(frame(), target="y", future="y") == (
        'the frame: column "y" is named twice; a column plays one part.'
    )
    assert refusal(frame(), target="ds") == (
        'the frame: column "ds" is named for another part and no column holds dates; name the time column. '
        "Known here: ds, y."
    )


def test_several_targets_make_one_wide_series():
    panel = read_panel(frame(x=np.arange(60.0)), target=["y", "x"])
    assert panel.ids == ("series",)
    assert panel.series[0].target.shape == (60, 2)


def test_columns_not_named_are_known_in_the_past_and_said():
    table = several(temp=np.arange(60.0), size=np.repeat([1, 2, 3], 20), still=1.0, id2=[f"x{i}" for i in range(60)])
    table["worn"] = [np.nan, *range(59)]
    panel = read_panel(table)
    assert panel.schema.past == ("temp",)
    assert panel.schema.static == ("size",)
    assert "Known only up to the present: temp." in panel.notes
    assert "One value a series: size." in panel.notes
    assert 'Column "still" was left out: it never changes.' in panel.notes
    assert 'Column "id2" was left out: it holds 60 different texts, more than 32 categories.' in panel.notes
    assert (
        'Column "worn" was left out: 1 of its cells are missing or infinite (name it to have it filled).' in panel.notes
    )
    assert [one.static.tolist() for one in panel.series] == [[1], [2], [3]]


def test_naming_some_past_columns_leaves_the_others_out():
    panel = read_panel(frame(a=np.arange(60.0), b=np.arange(60.0)), past="a")
    assert panel.schema.past == ("a",)
    assert "Columns not named were left out: b." in panel.notes
    assert read_panel(frame(a=np.arange(60.0)), ignore="a").schema.past == ()


def test_text_becomes_one_feature_for_each_category():
    panel = read_panel(frame(4).assign(sky=["sun", "rain", "", "sun"]), future="sky")
    assert panel.schema.categories == {"sky": ("(missing)", "rain", "sun")}
    assert panel.schema.future_features == ("sky=(missing)", "sky=rain", "sky=sun")
    assert panel.series[0].future.tolist() == [[0, 0, 1], [0, 1, 0], [1, 0, 0], [0, 0, 1]]
    assert 'Column "sky" is text: 3 categories ((missing), rain, sun), one feature each.' in panel.notes


def test_a_typing_error_in_a_named_column_of_numbers_is_no_category(tmp_path):
    path = write(tmp_path, "ds,y,t\n" + "".join(f"2024-01-0{i},{i * i},{i if i != 5 else 'O'}\n" for i in range(1, 9)))
    assert refusal(path, future="t") == 'sales.csv: line 6, column "t": "O" is not a number.'
    assert 'Column "t" was left out: line 6, column "t": "O" is not a number.' in read_panel(path).notes


@pytest.mark.parametrize(("name", "value"), [("horizon", 0), ("season", -1), ("horizon", 1.5), ("season", True)])
def test_counts_are_whole_numbers_of_at_least_one(name, value):
    assert refusal(frame(), ArgumentError, **{name: value}) == (
        f"data: {name} is {value!r}; expected a whole number of at least 1."
    )


def test_a_series_shorter_than_needed_is_named():
    panel = read_panel(several().drop(index=range(5)))
    with pytest.raises(DataError) as caught:
        panel.check_length(20, "a window of 13 and a horizon of 7")
    assert str(caught.value) == (
        'data: series "a" has 15 steps; a window of 13 and a horizon of 7 needs at least 20. 1 of 3 series is too '
        "short: leave them out, or ask for a shorter horizon."
    )
