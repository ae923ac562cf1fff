"""One fine-tuning from fetched spectra to a candidate and a report."""

import json
from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

from iris_client.quality.control import QualityRules
from iris_client.taxonomy.trust import ORDER, Voice, settle
from models.bundle import load, verify
from models.domain import Target
from models.training.dataset import SPLITS
from plugin.lab.dataset.assemble import assemble
from plugin.lab.dataset.cache import SpectrumCache
from plugin.lab.dataset.fetch import read_cache
from plugin.lab.dataset.labelled import TRAINING_COVERAGE, Labelled
from plugin.lab.dataset.records import Record
from plugin.lab.finetune.judging import judge
from plugin.lab.finetune.known import of_card, of_data
from plugin.lab.finetune.page import page
from plugin.lab.finetune.sides import Own, split_own
from plugin.lab.finetune.tuning import Tuning, dropped, tune
from plugin.ops.progress import Advance


def read_own(
    fetched: Path,
    bundle: Path,
    *,
    rules: QualityRules,
    order: Sequence[Voice] = ORDER,
    reported: Set[str] = frozenset(),
    data: tuple[Path, Labelled] | None = None,
) -> tuple[Own, list[str]]:
    """A marshal's fetched spectra on their sides, and what must be said about them.

    Only classes that people gave count, and only where those that count agree.

    Parameters
    ----------
    fetched : Path
        Filled by `plugin.lab.dataset.fetch.fetch`.
    reported : set of str
        Objects that we reported to the TNS: its type may be our own, and counts for nothing.
    data : (Path, Labelled), optional
        The bundle's own training data.

    Raises
    ------
    FileNotFoundError
        If nothing was fetched.
    ValueError
        If the training data are others than the bundle's, or nothing is left.
    """
    card = verify(bundle)
    if data is not None and data[1].data.hash() != card["training"]["data_hash"]:
        raise ValueError(f"{data[0]} is not what the bundle was trained on: its held-back objects might teach")
    known = of_card(card) if data is None else of_data(data[0], data[1].data)
    targets = {name: target for name, (target, _) in SpectrumCache(fetched).known().items()}
    records = _agreed(read_cache(fetched, order), targets, order, reported)
    found = assemble(records, rules=replace(rules, min_coverage=TRAINING_COVERAGE))
    notes = [] if known.complete else [
        "Which objects this bundle was trained and measured on is known in part only: some may judge or teach here."
    ]  # fmt: skip
    return split_own(found, targets, known), notes


def _agreed(
    records: Iterator[Record], targets: dict[str, Target], order: Sequence[Voice], reported: Set[str]
) -> Iterator[Record]:
    """Each with what people say of its object; a class about which they disagree is disputed, and has no part."""
    others = tuple(voice for voice in order if voice != "tns")
    for record in records:
        target = targets.get(record.group)
        if target is None:
            yield record
            continue
        settled = settle(target, order=others if record.group in reported else order)
        label = settled.label
        yield replace(record, label=replace(label, ambiguous=True) if settled.conflict else label)


def run(
    folder: Path,
    bundle: Path,
    own: Own,
    tuning: Tuning,
    *,
    name: str,
    today: date,
    data: Labelled | None = None,
    notes: Sequence[str] = (),
    report: Callable[[dict[str, Any]], None] = lambda _: None,
    advance: Advance = lambda _: None,
) -> dict[str, Any]:
    """Train, calibrate, judge; write the candidate, `report.json` and `report.md` to `folder`; return the report.

    Raises
    ------
    ValueError
        If there are too few objects.
    BundleError
        If the bundle is damaged.
    """
    rehearsed = None if data is None else data.data
    tune(folder, bundle, own, tuning, name=name, today=today, rehearsed=rehearsed, report=report, advance=advance)
    before = load(bundle, layer=False)
    found = {
        "judged": judge(before, load(folder / "bundle"), own.data),
        "counts": {s: own.data.rows(own.data.split == i).counts() for i, s in enumerate(SPLITS)},
        "known_train": own.known_train,
        "left_out": dict(own.left_out),
        "notes": list(notes),
        "dropped": dropped(before.card),
        "folder": str((folder / "bundle").resolve()),
    }
    (folder / "report.json").write_text(json.dumps(found, indent=2, allow_nan=False) + "\n", encoding="utf-8")
    (folder / "report.md").write_text(page(found), encoding="utf-8")
    return found
