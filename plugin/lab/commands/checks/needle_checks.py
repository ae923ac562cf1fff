"""Command about what NEEDLE learns from: evaluate needle-checks."""

import json
import tempfile
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from plugin.lab.commands.common import ThreadsOption, evaluate_app, take_threads

BASELINE, RESNET = "plain CNN", "ResNet-18"


def register(app: typer.Typer) -> None:
    """Add this subject's command to `evaluate`."""
    evaluate_app.command("needle-checks")(evaluate_needle_checks)


def evaluate_needle_checks(
    data: Annotated[Path, typer.Option("--data", envvar="ASTRANET_DATA_DIR", help="Folder with ztf.", exists=True)],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for needle-checks.md, its figures and pictures.")],
    run: Annotated[
        Path | None,
        typer.Option("--run", help="Folder of `train needle-quality`; the CNN is trained there if missing."),
    ] = None,
    stamps: Annotated[bool, typer.Option(help="Also both networks on the stamps; trains the CNN, minutes.")] = True,
    threads: ThreadsOption = 0,
) -> None:
    """Correlated inputs, redshift and magnitude of up-sampled light curves, the plain CNN beside ResNet-18."""
    from models.training.needle.examples import fit_all
    from plugin.lab.needle.checks.inputs import input_correlations, one_epoch_each
    from plugin.lab.needle.checks.page import write_page
    from plugin.lab.needle.checks.upsampled import up_sampling
    from plugin.lab.needle.data import load_survey

    take_threads(threads)
    objects = load_survey(data).develop
    surveyed = {o.object_id: o for o in objects if o.survey}
    one_each = list(surveyed.values())
    figures: dict[str, Any] = {"inputs": input_correlations(one_each, one_epoch_each(one_each))}
    figures["up-sampled"] = up_sampling(one_each, dict(fit_all([o for o in one_each if o.label > 0])))
    figures["stamps"] = _stamps(data, run) if stamps else {}
    Console().print(f"{write_page(out, figures)} written")


def _stamps(data: Path, run: Path | None) -> dict[str, Any]:
    from models.needle.images.quality import SHIPPED, load
    from plugin.lab.needle.checks.stamps import side_by_side
    from plugin.lab.needle.quality import label
    from plugin.lab.needle.stamps import read_stamps

    labelled = label(read_stamps(data))
    with nullcontext(str(run)) if run is not None else tempfile.TemporaryDirectory() as scratch:
        folders = {BASELINE: _baseline(labelled, Path(scratch)), RESNET: SHIPPED}
        found = side_by_side(labelled, {name: load(folder) for name, folder in folders.items()})
        made = {name: json.loads((folder / "card.json").read_text())["made"] for name, folder in folders.items()}
    return {**found, "made": made}


def _baseline(labelled: Any, folder: Path) -> Path:
    """Folder of the CNN: the one that is there, or trained anew by the recipe of the shipped network."""
    from models.training.needle.quality_training import QualityTraining
    from plugin.lab.needle.quality import train_quality

    config = QualityTraining(kind="cnn")
    made = folder / f"needle-quality-{config.kind}-{config.width}"
    if not (made / "card.json").exists():
        folder.mkdir(parents=True, exist_ok=True)
        train_quality(labelled, config, folder, datetime.now(UTC).date(), lambda text: print(text, flush=True))
    return made
