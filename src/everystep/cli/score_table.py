"""The table of methods as text."""

from __future__ import annotations

from typing import Any

COLUMNS = (
    ("mae", "MAE", "{:.4g}"),
    ("rmse", "RMSE", "{:.4g}"),
    ("mase", "MASE", "{:.3f}"),
    ("smape", "sMAPE", "{:.4f}"),
    ("quantile_loss", "quantile loss", "{:.4g}"),
    ("coverage", "in 80% band", "{:.0%}"),
    ("seconds", "seconds", "{:.1f}"),
)


def score_table(table: list[dict[str, Any]], winner: str) -> str:
    """Lay out one line for each method, the best first; the winner is marked.

    Args:
        table: The rows of ``metrics.json``.
        winner: The method that won.

    Returns:
        Lines of at most about 110 characters.
    """
    ranked = sorted(table, key=lambda row: (row["mase"] is None, row["mase"] or 0.0, row["mae"] or 0.0))
    lines = [["", "method", *(heading for _, heading, _ in COLUMNS), ""]]
    for row in ranked:
        cells = ["-" if row[name] is None else form.format(row[name]) for name, _, form in COLUMNS]
        lines.append(["*" if row["method"] == winner else "", row["method"], *cells, row["note"]])
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    return "\n".join(_line(line, widths) for line in lines)


def _line(cells: list[str], widths: list[int]) -> str:
    names = [cells[0].ljust(widths[0]), cells[1].ljust(widths[1])]
    figures = [cell.rjust(width) for cell, width in zip(cells[2:-1], widths[2:-1], strict=True)]
    return "  ".join([*names, *figures, cells[-1]]).rstrip()
