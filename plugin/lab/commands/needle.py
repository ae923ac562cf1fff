"""Commands about NEEDLE's metadata model: train needle, evaluate needle."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from plugin.commands.needle import ModelOption, load_model
from plugin.lab.commands.common import evaluate_app, train_app

NeedleDataOption = Annotated[
    Path, typer.Option("--data", envvar="ASTRANET_DATA_DIR", help="Folder with ztf/*.parquet.", exists=True)
]
FIGURES = ("purity", "completeness")
FIRST_TEST = "Test of the first table, as it came"
EVERY_TEST = "Test of every table, alerts where there are any"
CARD_SAMPLES = ("magnitude-limited survey", "all", "hosted", "hostless")


def register(app: typer.Typer) -> None:
    """Add this subject's commands to `train` and `evaluate`."""
    train_app.command("needle")(train_needle)
    evaluate_app.command("needle")(evaluate_needle)


def train_needle(
    data: NeedleDataOption,
    out: Annotated[Path, typer.Option("--out", "-o", help="The model folder is written here.")],
    rounds: Annotated[int | None, typer.Option(help="Boosting rounds of each member.")] = None,
    up_samples: Annotated[int | None, typer.Option(help="Re-sampled light curves of each rare class.")] = None,
    rows: Annotated[
        Path | None, typer.Option(help="Keep templates and examples in this .npz file, or take them from it.")
    ] = None,
) -> None:
    """Train the metadata model: folds by object, out-of-fold calibration, a card; nothing of the test split is read."""
    from dataclasses import replace

    from plugin.lab.needle.data import load_survey
    from plugin.lab.needle.train import TrainRules, train

    rules = TrainRules()
    rules = replace(rules, rounds=rounds or rules.rounds)
    rules = replace(rules, up_samples=rules.up_samples if up_samples is None else up_samples)
    labelled = load_survey(data)
    train(labelled, out, rules, today=datetime.now(UTC).date(), rows=rows, tell=_tell)
    Console(stderr=True).print(f"{load_model(out).model_id} -> {out}")


def evaluate_needle(
    data: NeedleDataOption,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for tables and pictures.")],
    model: ModelOption = None,
    study: Annotated[bool, typer.Option(help="Also ablation, learning curve and source probe; trains anew.")] = False,
    probe: Annotated[bool, typer.Option(help="Of these the source probe alone.")] = False,
    rows: Annotated[Path | None, typer.Option(help="The training's .npz file; the test's are kept beside it.")] = None,
    before: Annotated[
        Path | None, typer.Option(help="Folder of an earlier model: both on the same objects.", exists=True)
    ] = None,
    choose: Annotated[
        bool, typer.Option(help="Only compare with --before, out of fold on the training objects; no test is read.")
    ] = False,
    write_figures: Annotated[bool, typer.Option("--write-card", help="Put the figures into the model's card.")] = False,
) -> None:
    """Tables 5 and 7, Fig. 17-20 in shape, conformal coverage and score histories, on the test split."""
    from plugin.lab.needle.compare import against
    from plugin.lab.needle.data import load_survey
    from plugin.lab.needle.evaluate import evaluate, untaught
    from plugin.lab.needle.pictures import draw_ablation, draw_confusion, draw_learning, draw_thresholds
    from plugin.lab.needle.report import markdown

    loaded, labelled = load_model(model), load_survey(data)
    if choose:
        _choose(before, loaded, data, labelled, rows, out)
        return
    if loaded.card["training"]["splits_hash"] not in (labelled.splits_hash, labelled.first_hash):
        Console(stderr=True).print("[yellow]Not the objects of the training: the test split may be known to it.[/]")
    keep = None if rows is None else rows.with_suffix(".test")
    figures = evaluate(loaded, labelled.survey_test, keep=keep)
    figures["untaught"] = untaught(loaded, labelled.untaught, keep=keep)
    if before is not None:
        tests = {FIRST_TEST: labelled.test, EVERY_TEST: labelled.survey_test}
        figures["before"] = against(load_model(before), loaded, tests, keep=keep)
    if write_figures:
        from models.needle.model import SHIPPED, write_card

        write_card(model or SHIPPED, {**loaded.card, "metrics": {p: _short(figures[p]) for p in FIGURES}})
    out.mkdir(parents=True, exist_ok=True)
    if probe and not study:
        from plugin.lab.needle.study import probe_sources

        figures["study"] = {"probe": probe_sources(labelled.develop)}
    if study:
        figures["study"] = _study(labelled, rows)
        draw_ablation(figures["study"], ("as shipped", "classes balanced"), out / "needle-ablation.png")
        draw_learning(figures["study"], out / "needle-learning.png")
    (out / "needle.json").write_text(json.dumps(figures, indent=1, allow_nan=False) + "\n")
    (out / "needle.md").write_text(markdown(figures, loaded.model_id))
    draw_thresholds(figures, out / "needle-thresholds.png")
    draw_confusion(figures, out / "needle-confusion.png", "purity")
    _draw_history(loaded, next(o for o in labelled.survey_test if o.label > 0), out / "needle-history.png")
    Console().print(markdown(figures, loaded.model_id))


def _choose(before: Path | None, loaded: Any, data: Path, labelled: Any, rows: Path | None, out: Path) -> None:
    from plugin.lab.needle.compare import markdown, out_of_fold_against
    from plugin.lab.needle.data import load

    if before is None:
        raise typer.BadParameter("the earlier model is needed", param_hint="--before")
    found = out_of_fold_against(load_model(before), load(data), loaded, labelled, rows, tell=_tell)
    out.mkdir(parents=True, exist_ok=True)
    (out / "needle-choice.json").write_text(json.dumps(found, indent=1, allow_nan=False) + "\n")
    for name, part in found.items():
        Console(soft_wrap=True).print("\n".join([name, "", *markdown(part), ""]), markup=False)


def _study(labelled: Any, rows: Path | None) -> dict[str, Any]:
    from plugin.lab.needle.study import FOLDS, ROUNDS, ablation, learning, probe_sources
    from plugin.lab.needle.train import TrainRules, prepared

    bank, examples = prepared(labelled, TrainRules(), rows, _tell)
    rules = TrainRules(folds=FOLDS, rounds=ROUNDS)
    found: dict[str, Any] = {"probe": probe_sources(labelled.develop)}
    found["ablation"] = ablation(labelled.develop, bank, examples, rules)
    found["learning"] = learning(labelled.develop, examples, rules)
    return found


def _draw_history(loaded: Any, one: Any, path: Path) -> None:
    from models.needle.metadata import PREFERENCES
    from plugin.batch.history import draw_history

    place = (one.ra_deg, one.dec_deg) if one.ra_deg is not None and one.dec_deg is not None else None
    histories = {
        p: loaded.history(one.curve, one.host, ebv_mag=one.ebv_mag, position_deg=place, prefer=p) for p in PREFERENCES
    }
    draw_history(histories, f"{one.object_id} ({one.kind})", path)


def _short(figures: dict[str, Any]) -> dict[str, Any]:
    """What the card keeps: the figures at the threshold 0.8."""
    kept = {sample: {c: t["0.8"] for c, t in figures[sample].items()} for sample in CARD_SAMPLES}
    return {**kept, "first_detection": figures["first_detection"], "confidence": figures["confidence"]}


def _tell(text: str) -> None:
    Console(stderr=True).print(text)
