"""``everystep demo``: the main job on real data that comes with statsmodels, and translation on number words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

SEEDS = (0, 1, 2)


def demo(
    subject: Annotated[str, typer.Argument(metavar="[forecast|translate]", help="What to show.")] = "forecast",
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where models and reports go.")] = Path("demo"),
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Start anew where another run is.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Fit, judge and report: two real series, one where recurrence helps and one where it does not; or number words.

    First the temperature of the tropical Pacific, month by month, 12 months ahead with three seeds;
    then carbon dioxide over Mauna Loa, week by week with 59 gaps, 26 weeks ahead.
    Under two minutes on two cores.

    [bold]everystep demo translate[/bold] learns to turn English number words into French ones,
    and is asked for numbers that it never saw. Half a minute on one core.
    """
    from everystep.cli.demo_translate import demo_translate
    from everystep.errors import unknown

    shows = {"forecast": _forecast, "translate": demo_translate}
    if subject not in shows:
        raise unknown("demo", "subject", subject, shows)
    shows[subject](out, overwrite, as_json)


def _forecast(out: Path, overwrite: bool, as_json: bool) -> None:
    from everystep.cli.fit import tell_result
    from everystep.cli.model_run import fit_into
    from everystep.cli.telling import tell
    from everystep.forecast import Forecaster
    from everystep.forecast.examples import carbon_dioxide, sea_temperature

    def run(name: str, frame: object, title: str, seed: int, **settings: object) -> dict[str, object]:
        tell(f"\n==> {title}, seed {seed}")
        forecaster = Forecaster(seed=seed, **settings)  # type: ignore[arg-type]
        columns = {"time": "ds", "target": "y"}
        return fit_into(out / name, forecaster, frame, columns, title=title, overwrite=overwrite)

    sea = {"horizon": 12, "season": 12}
    title = "Sea surface temperature, tropical Pacific"
    runs = {seed: run(f"sea-seed-{seed}", sea_temperature(), title, seed, **sea) for seed in SEEDS}
    air = run("carbon-dioxide", carbon_dioxide(), "Carbon dioxide, Mauna Loa", 0, horizon=26, season=52, gaps="fill")
    if as_json:
        print(json.dumps({"sea": {str(seed): metrics for seed, metrics in runs.items()}, "carbon_dioxide": air}))
        return
    print("\nSea surface temperature: does recurrence help?")
    tell_result(runs[0], out / "sea-seed-0")
    print("\nCarbon dioxide, where the season is regular:")
    tell_result(air, out / "carbon-dioxide")
    print(f"\n{_over_seeds(runs)}")
    print(f"\nThe report is {out / 'sea-seed-0' / 'report.html'}: open it in a browser.")


def _over_seeds(runs: dict) -> str:  # type: ignore[type-arg]
    """Say in one sentence what three seeds gave, whichever way it went."""
    by_method = [{row["method"]: row["mase"] for row in metrics["table"]} for metrics in runs.values()]
    ours = [mase["everystep"] for mase in by_method]
    linear = by_method[0]["Model 2 (linear)"]
    better = sum(mase < linear for mase in ours)
    listed = ", ".join(f"{mase:.3f}" for mase in ours)
    return (
        f"Sea temperature over {len(ours)} seeds: MASE {listed}; Model 2, where each of them started, {linear:.3f}: "
        f"recurrence was better in {better} of {len(ours)}."
    )
