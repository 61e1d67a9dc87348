"""Whatever the file, the answer is a finite, evenly spaced panel or a refusal of our own."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from data.tables import write
from everystep.data import Panel, read_panel, read_panel_like
from everystep.errors import EverystepError

times = st.one_of(
    st.sampled_from(["2024-01-01", "2024-01-02", "2024-01-03", "2024-01-05", "2024-02-29", "01/02/2024", "0001-01-01",
                     "9999-12-31", "1", "2", "3", "1700.5", "", "2024-01-01T00:00Z", "2024-01-01T00:00+01:00",
                     "20240131"]),
    st.dates().map(str),
    st.integers(-(10**20), 10**20).map(str),
)  # fmt: skip
cells = st.one_of(
    st.sampled_from(["", "NA", "nan", "inf", "-inf", "1e400", "two", "1,5", "0", "1", "2", "a", "b"]),
    st.floats().map(repr),
    st.text(st.characters(codec="utf-8", exclude_characters='"'), max_size=5),
)
policies = st.fixed_dictionaries({
    "gaps": st.sampled_from(["refuse", "fill", "drop"]),
    "nonfinite": st.sampled_from(["refuse", "drop", "interpolate"]),
    "duplicates": st.sampled_from(["refuse", "first", "last"]),
    "unsorted": st.sampled_from(["refuse", "sort"]),
})  # fmt: skip


def check(panel: Panel) -> None:
    for series in panel.series:
        assert len(series) > 0
        for part in (series.target, series.past, series.future, series.static):
            assert np.isfinite(part).all()
        steps, on_grid = panel.schema.freq.steps(series.times[:1], series.times)
        assert on_grid.all()
        assert np.array_equal(steps, np.arange(len(series)))


@settings(max_examples=150, deadline=None)
@given(
    rows=st.lists(st.tuples(st.sampled_from(["a", "b"]), times, cells, cells, cells), min_size=1, max_size=8),
    options=policies,
    timezone=st.sampled_from(["refuse", "utc", "local"]),
    constant=st.sampled_from(["refuse", "drop", "keep"]),
    future=st.sampled_from([(), ("x",), ("x", "z")]),
)
def test_any_rows_give_a_sound_panel_or_a_refusal(rows, options, timezone, constant, future, tmp_path_factory):
    lines = ["unique_id,ds,y,x,z", *(",".join(f'"{cell}"' for cell in row) for row in rows)]
    path = write(tmp_path_factory.mktemp("any"), "\n".join(lines))
    try:
        panel = read_panel(path, timezone=timezone, constant=constant, future=future, **options)
    except EverystepError:
        return
    check(panel)
    if constant == "keep":
        check(read_panel_like(path, panel.schema, **options))


@settings(max_examples=100, deadline=None)
@given(
    raw=st.one_of(
        st.binary(max_size=60), st.text(max_size=60).map(str.encode), st.text(',;\n"y1ds', max_size=60).map(str.encode)
    )
)
def test_any_bytes_give_a_sound_panel_or_a_refusal(raw, tmp_path_factory):
    try:
        check(read_panel(write(tmp_path_factory.mktemp("any"), raw)))
    except EverystepError:
        return
