"""ETTh1, seven targets, 96 to 720 hours ahead: the papers' protocol, with every window of the test part.

Train rows 0-8639, validation 8640-11519, test 11520-14399; errors on the scale of the training part's mean and spread.

    python recipes/ett_h1.py ETTh1.csv.gz [96 192 336 720]
"""

from __future__ import annotations

import sys
import time

import numpy as np
import pandas as pd

from everystep.forecast import Forecaster
from everystep.forecast.parts import test_windows

ROWS, TRAIN = 14_400, 8_640
VALID_FROM, TEST_FROM = "2017-06-26 00:00:00", "2017-10-24 00:00:00"
DLINEAR = {96: 0.386, 192: 0.437, 336: 0.481, 720: 0.519}  # input 96
SETTINGS = {"season": 24, "window": 336, "hidden": 64, "epochs": 15, "patience": 4, "learning_rate": 1e-3}


def main() -> None:
    """Fit each horizon and print a table."""
    table = pd.read_csv(sys.argv[1]).iloc[:ROWS]
    assert list(table["date"].iloc[[TRAIN, 11_520]]) == [VALID_FROM, TEST_FROM]
    values = table.drop(columns="date").iloc[:TRAIN]
    spread = values.std(ddof=0).to_numpy()
    for horizon in map(int, sys.argv[2:] or DLINEAR):
        began = time.perf_counter()
        forecaster = Forecaster(horizon=horizon, valid_from=VALID_FROM, test_from=TEST_FROM, every=1, **SETTINGS)
        forecaster.fit(table, time="date", target=list(values.columns))
        fit = forecaster.last_fit
        windows = test_windows(fit.rows, fit.fitted.scaling, fit.fitted.shape, fit.split, step=1)
        error = (fit.fitted.forecast(windows)[..., 1] - windows.truth()) / spread[windows.row][:, None]
        mse, mae = np.square(error).mean(), np.abs(error).mean()
        print(
            f"H {horizon:4d}  windows {len(windows) // 7}  MSE {mse:.4f}  MAE {mae:.4f}  "
            f"DLinear-96 {DLINEAR[horizon]:.3f}, ratio {mse / DLINEAR[horizon]:.3f}  "
            f"validation {fit.validation.ratio_to(fit.model2):.4f} of Model 2's, "
            f"best epoch {fit.curves.best}, {fit.fitted.shape.centre}, {time.perf_counter() - began:.0f} s",
            flush=True,
        )


if __name__ == "__main__":
    main()
