"""The forecaster: a linear path from the window, and a recurrent path added to it."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from everystep.cells import CELLS
from everystep.errors import unknown
from everystep.forecast.covariates import without_effect
from everystep.forecast.shape import Shape
from everystep.forecast.windows import Window
from everystep.unroll import Unrolled, unroll


class RecurrentForecaster(nn.Module):
    r"""A linear path and a recurrent path, both direct to every horizon.

    .. math::
        \hat y = c + A\,w + b + r \cdot V\, y(T), \qquad y(T) = \mathrm{unroll}(\mathrm{cell}, x(1), \dots, x(T))

    The window w is told against its reference, so that the level of a series never matters. c is the centre (nothing,
    or the last season), A and b are Model 2, and each x(t) is one segment of the window, scaled by the size r of the
    window. Columns known ahead act twice: through a regression that is taken out of the window and put back at each
    horizon, and through a small network on the cell's last output. V starts at zero, so that the untrained
    forecaster is Model 2.

    Args:
        shape: Sizes and centre.
        cell: A name in ``everystep.cells.CELLS``.
        hidden: Units of the cell, and of what enters it.

    Raises:
        UnknownNameError: There is no such cell.

    Source:
        Lin et al., SegRNN, 2023 (segments, channel independence); Zeng et al., Are transformers effective for time
        series forecasting?, 2023 (the linear path). The sum of the two, started at the linear one, is ours.
    """

    def __init__(self, shape: Shape, cell: str = "lstm", hidden: int = 32) -> None:
        super().__init__()
        if cell not in CELLS:
            raise unknown("Forecaster", "cell", cell, CELLS)
        self.shape, self.cell_name, self.hidden = shape, cell, hidden
        columns = shape.past + shape.future
        # Model 2 stays as it was solved: what it leaves over is the recurrent path's.
        self.regression = nn.Parameter(torch.zeros(shape.future), requires_grad=False)
        self.linear = nn.Linear(shape.window, shape.horizon).requires_grad_(False)
        self.widths = nn.Parameter(torch.zeros(2, shape.horizon))
        self.embed = nn.Linear(shape.segment * (1 + columns) + shape.static + 1, hidden)
        self.cell = CELLS[cell](hidden, hidden)
        self.dropout = nn.Dropout(0.1)
        self.readout = nn.Linear(self.cell.output_size, 3 * shape.horizon)
        self.lead = nn.Linear(self.cell.output_size + shape.future, hidden) if shape.future else None
        self.lead_readout = nn.Linear(hidden, 1) if shape.future else None
        for layer in (self.readout, self.lead_readout):
            if layer is not None:
                nn.init.zeros_(layer.weight)
                nn.init.zeros_(layer.bias)

    def forward(self, window: Window) -> Tensor:
        """Forecast (batch, horizon, 3): the 10% quantile, the point and the 90% quantile, never crossing."""
        size = self._size(window)
        unrolled = self.unroll(window)
        paths = self.readout(self.dropout(unrolled.y[-1])).unflatten(-1, (self.shape.horizon, 3))
        point = self.linear_path(window) + size * (paths[..., 1] + self._lead(unrolled.y[-1], window))
        below, above = F.softplus(self.widths[:, None] + paths[..., ::2].movedim(-1, 0))  # (batch, horizon) each
        return torch.stack([point - below, point, point + above], dim=-1)

    def linear_path(self, window: Window) -> Tensor:
        """Forecast with Model 2 alone, (batch, horizon)."""
        values, centre = without_effect(window, self.regression, self.shape)
        return centre + self.linear(values)

    def unroll(self, window: Window, record: str | tuple[str, ...] = ()) -> Unrolled[object]:
        """Run the cell over the segments of a window; ``record`` as in ``everystep.unroll``."""
        x = torch.tanh(self.embed(self._segments(window)))
        return unroll(self.cell, x, record=record)

    def _size(self, window: Window) -> Tensor:
        # A floor of a tenth of a row's own scale keeps a calm window from being blown up.
        return window.values.abs().mean(dim=1, keepdim=True) + 0.1  # (batch, 1)

    def _segments(self, window: Window) -> Tensor:
        steps, size = self.shape.steps, self._size(window)
        length = steps * self.shape.segment
        features = torch.cat([(window.values / size)[..., None], window.covariates], dim=-1)[:, -length:]
        segments = features.unflatten(1, (steps, self.shape.segment)).flatten(2).transpose(0, 1)
        whole = torch.cat([size.log(), window.static], dim=-1).expand(steps, -1, -1)
        return torch.cat([segments, whole], dim=-1)  # (steps, batch, segment * columns + static + 1)

    def _lead(self, y: Tensor, window: Window) -> Tensor:
        if self.lead is None or self.lead_readout is None:
            return y.new_zeros(())
        state = y[:, None].expand(-1, self.shape.horizon, -1)
        return self.lead_readout(torch.tanh(self.lead(torch.cat([state, window.ahead], dim=-1)))).squeeze(-1)
