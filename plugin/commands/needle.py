"""Commands about NEEDLE's metadata model: needle, train needle, evaluate needle."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from plugin.lab.commands.spectra import evaluate_app, refusing, train_app
from plugin.ops.progress import progress

ModelOption = Annotated[Path | None, typer.Option("--model", help="A model folder; the shipped one by default.")]
NeedleDataOption = Annotated[
    Path, typer.Option("--data", envvar="ASTRANET_DATA_DIR", help="Folder with ztf/*.parquet.", exists=True)
]
FIGURES = ("purity", "completeness")


def register(app: typer.Typer) -> None:
    """Add this subject's commands."""
    app.command()(needle)
    train_app.command("needle")(train_needle)
    evaluate_app.command("needle")(evaluate_needle)


def needle(
    light_curves: Annotated[Path, typer.Argument(help="Parquet: object_id, ra, dec, mjd, band, mag...")],
    out: Annotated[Path, typer.Option("--out", "-o", help="One JSON object per object and line.")],
    alerts: Annotated[
        Path | None, typer.Option(help="Folder of alert packets (*.avro), for --hybrid; else checked, not read.")
    ] = None,
    hybrid: Annotated[
        bool, typer.Option(help="Ask the network on images first, which learned from semi-real ones; needs --alerts.")
    ] = False,
    hosts: Annotated[Path | None, typer.Option(help="Parquet of hosts: object_id, sep_arcsec, g, r...")] = None,
    prefer: Annotated[str, typer.Option(help="purity, or completeness: which mistakes to avoid.")] = "purity",
    history: Annotated[
        Path | None, typer.Option(help="Draw every object's answers, epoch by epoch, into this folder.")
    ] = None,
    model: ModelOption = None,
) -> None:
    """Classify light curves as SN, SLSN-I or TDE, refused ones included."""
    from models.needle.metadata import PREFERENCES
    from plugin.batch.needle_answers import answer_file, draw_histories
    from plugin.batch.needle_files import NeedleInputError, read_hosts

    if prefer not in PREFERENCES:
        raise typer.BadParameter(f"choose from {', '.join(PREFERENCES)}", param_hint="--prefer")
    if alerts is not None and not alerts.is_dir():
        raise typer.BadParameter(f"{alerts} is no folder", param_hint="--alerts")
    if hybrid and alerts is None:
        raise typer.BadParameter("the network on images needs --alerts", param_hint="--hybrid")
    loaded = _load(model)
    images = _images(alerts) if hybrid and alerts is not None else None
    try:
        known = read_hosts(hosts) if hosts is not None else {}
        with progress("needle") as advance, out.open("w", encoding="utf-8") as file:
            counts = answer_file(light_curves, file, loaded, known, prefer=prefer, images=images, advance=advance)
        if history is not None:
            draw_histories(light_curves, history, loaded, known)
    except NeedleInputError as error:
        Console(stderr=True).print(f"[red]input refused:[/] {error}")
        raise typer.Exit(1) from error
    Console(stderr=True).print(f"{counts['ok']} classified, {counts['refused']} refused -> {out}")


def _images(alerts: Path) -> Any:
    from iris_client.brokers.kept import AvroFolder
    from models.needle.hybrid.model import load as load_hybrid
    from models.needle.images.quality import load as load_checker
    from plugin.batch.needle_answers import ImageModel

    folder = AvroFolder(alerts)
    Console(stderr=True).print(folder.probe())
    with refusing("model"):
        return ImageModel(model=load_hybrid(), checker=load_checker(), alerts=folder)


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

    from plugin.lab.needle.data import load as load_data
    from plugin.lab.needle.train import TrainRules, train

    rules = TrainRules()
    rules = replace(rules, rounds=rounds or rules.rounds)
    rules = replace(rules, up_samples=rules.up_samples if up_samples is None else up_samples)
    labelled = load_data(data)
    train(labelled, out, rules, today=datetime.now(UTC).date(), rows=rows, tell=_tell)
    Console(stderr=True).print(f"{_load(out).model_id} -> {out}")


def evaluate_needle(
    data: NeedleDataOption,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for tables and pictures.")],
    model: ModelOption = None,
    study: Annotated[bool, typer.Option(help="Also ablation, learning curve and source probe; trains anew.")] = False,
    rows: Annotated[Path | None, typer.Option(help="The training's .npz file; the test's is kept beside it.")] = None,
    write_figures: Annotated[bool, typer.Option("--write-card", help="Put the figures into the model's card.")] = False,
) -> None:
    """Tables 5 and 7, Fig. 17-20 in shape, conformal coverage and score histories, on the test split."""
    from plugin.lab.needle.data import load as load_data
    from plugin.lab.needle.evaluate import evaluate
    from plugin.lab.needle.pictures import draw_ablation, draw_confusion, draw_learning, draw_thresholds
    from plugin.lab.needle.report import markdown

    loaded, labelled = _load(model), load_data(data)
    if labelled.splits_hash != loaded.card["training"]["splits_hash"]:
        Console(stderr=True).print("[yellow]Not the objects of the training: the test split may be known to it.[/]")
    figures = evaluate(loaded, labelled.test, keep=None if rows is None else rows.with_suffix(".test.npz"))
    if write_figures:
        from models.needle.model import SHIPPED, write_card

        write_card(model or SHIPPED, {**loaded.card, "metrics": {p: _short(figures[p]) for p in FIGURES}})
    out.mkdir(parents=True, exist_ok=True)
    if study:
        figures["study"] = _study(labelled, rows)
        draw_ablation(figures["study"], ("as shipped", "classes balanced"), out / "needle-ablation.png")
        draw_learning(figures["study"], out / "needle-learning.png")
    (out / "needle.json").write_text(json.dumps(figures, indent=1, allow_nan=False) + "\n")
    (out / "needle.md").write_text(markdown(figures, loaded.model_id))
    draw_thresholds(figures, out / "needle-thresholds.png")
    draw_confusion(figures, out / "needle-confusion.png", "purity")
    _draw_history(loaded, next(o for o in labelled.test if o.label > 0), out / "needle-history.png")
    Console().print(markdown(figures, loaded.model_id))


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
    from plugin.lab.needle.pictures import draw_history

    place = (one.ra_deg, one.dec_deg) if one.ra_deg is not None and one.dec_deg is not None else None
    histories = {
        p: loaded.history(one.curve, one.host, ebv_mag=one.ebv_mag, position_deg=place, prefer=p) for p in PREFERENCES
    }
    draw_history(histories, f"{one.object_id} ({one.kind})", path)


def _short(figures: dict[str, Any]) -> dict[str, Any]:
    """What the card keeps: the figures at the threshold 0.8."""
    kept = {sample: {c: t["0.8"] for c, t in figures[sample].items()} for sample in ("all", "hosted", "hostless")}
    return {**kept, "first_detection": figures["first_detection"], "confidence": figures["confidence"]}


def _load(folder: Path | None) -> Any:
    from models.needle.model import load

    with refusing("model"):
        return load(folder)


def _tell(text: str) -> None:
    Console(stderr=True).print(text)
