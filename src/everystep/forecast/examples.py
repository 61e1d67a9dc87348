"""Real series that come with statsmodels, as tables with the columns ``ds`` and ``y``."""

from __future__ import annotations

from typing import Any

import numpy as np

from everystep.errors import MissingExtraError


def sea_temperature() -> Any:
    """Give the monthly sea surface temperature of the El Niño 1+2 region, degrees Celsius, 1950 to 2010.

    Source:
        National Oceanic and Atmospheric Administration, as ``statsmodels.datasets.elnino``.
    """
    import pandas as pd

    table = _datasets().elnino.load_pandas().data
    values = table.drop(columns="YEAR").to_numpy(dtype=np.float64).ravel()
    first = pd.Timestamp(int(table["YEAR"].iloc[0]), 1, 1)
    return pd.DataFrame({"ds": pd.date_range(first, periods=len(values), freq="MS"), "y": values})


def carbon_dioxide() -> Any:
    """Give the weekly concentration of carbon dioxide over Mauna Loa, parts per million, 1958 to 2001, with 59 gaps.

    Source:
        Keeling and Whorf, Scripps Institution of Oceanography, as ``statsmodels.datasets.co2``.
    """
    series = _datasets().co2.load_pandas().data["co2"]
    return series.rename_axis("ds").rename("y").reset_index()


def _datasets() -> Any:
    try:
        from statsmodels import datasets
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            "forecast: the example series come with statsmodels, which is not installed: pip install statsmodels."
        ) from error
    return datasets
