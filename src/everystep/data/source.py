"""Open a source of data, whatever it is."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from everystep.data.files import read_file
from everystep.data.frames import table_from_frame
from everystep.data.table import Table


def read_table(source: Any) -> Table:
    """Read a path (CSV, gzipped CSV, Parquet) or a frame (pandas, polars, Arrow).

    Raises:
        DataError: if there is no such file, or it holds no table.
        MissingExtraError: if the file is Parquet and pyarrow is not installed.
    """
    if isinstance(source, str | os.PathLike):
        return read_file(Path(source))
    return table_from_frame(source)
