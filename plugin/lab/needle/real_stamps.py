"""Samples of the hybrid network from real alert packets: a folder of one's own, and a table of what the objects are.

Light curve, host and stamps of each sample are what the service would have had at that alert. Nothing is drawn into an
image, no galaxy is lent, and nothing of the data folder is read: a network that met real stamps of one class and drawn
ones of another would learn to tell real from drawn.
"""

import csv
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from iris_client.brokers.avro import read_alerts
from iris_client.brokers.curves import merged
from iris_client.errors import BadPayload
from iris_client.protocols import Alert
from models.domain import NEEDLE_CLASSES
from models.needle.hybrid.inputs import NAMES, Samples, masked_input, object_weights, plain_input
from models.needle.hybrid.model import REAL, VARIANTS
from models.needle.images.prepare import EARLIER, PreparedImages, prepare
from models.needle.images.quality import Checker
from models.needle.images.quality import load as load_checker
from models.needle.lightcurves.features import features, vector
from models.needle.lightcurves.lightcurve import Photometry, clean, peak_mjd
from models.training.needle.augment import augment
from models.training.needle.examples import Labelled, reddening
from models.training.needle.hybrid_examples import as_seen
from models.training.needle.semireal import Field
from plugin.cycle.objects.gather import host_of
from plugin.lab.dataset.identity.splits import splits_hash
from plugin.lab.needle.data import NeedleData, folds
from plugin.lab.needle.hybrid_data import FOLDS, Part, Parts, SampleRules, Tell

TURNS: Final = 4
"""Copies of a training sample, each turned by another angle."""
MOST_ALERTS: Final = 12
"""Of one object, drawn at random."""
FEWEST: Final = 10
"""Objects of each class: one for each fold."""


class StampsError(ValueError):
    """The table of labels or the folder of packets is not enough to train on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Epoch:
    """One alert of an object."""

    index: int
    points: Photometry
    images: PreparedImages


def read_labels(path: Path) -> dict[str, str]:
    """What each object is, from a CSV file with columns `object_id` and `class`.

    Classes are SN (or any type that begins with it, such as `SN IIn`), SLSN-I and TDE. Others are kept and not used.

    Raises
    ------
    StampsError
        If the file cannot be read, lacks a column, or calls one object two things.
    """
    labels: dict[str, str] = {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise StampsError(f"{path}: {error}") from error
    if not rows or not {"object_id", "class"} <= set(rows[0]):
        raise StampsError(f"{path}: it needs a line with the names object_id and class, and lines below it")
    for number, row in enumerate(rows, start=2):
        name, kind = (row["object_id"] or "").strip(), (row["class"] or "").strip()
        if not name or not kind:
            raise StampsError(f"{path}: line {number} lacks object_id or class")
        if labels.setdefault(name, kind) != kind:
            raise StampsError(f"{path}: line {number} calls {name} {kind}, an earlier one {labels[name]}")
    return labels


class RealSource:
    """What `hybrid_train.train` draws its samples from, as `hybrid_data.Source`.

    Raises
    ------
    StampsError
        If a class has fewer than ten objects with usable stamps.
    """

    images: Final[str] = REAL

    def __init__(self, folder: Path, labels: dict[str, str], rules: SampleRules, tell: Tell = lambda _: None) -> None:
        self.rules = rules
        self.fields: Sequence[Field] = ()
        objects, self._epochs = _gathered(folder, labels, rules, tell)
        counts = Counter(one.label for one in objects)
        few = [f"{counts[k]} of {name}" for k, name in enumerate(NEEDLE_CLASSES) if counts[k] < FEWEST]
        if few:
            have = f"objects with usable stamps: {', '.join(few)}"
            raise StampsError(f"{folder}: {have}; {FEWEST} of each class are needed")
        split = {one.object_id: "develop" for one in objects}
        self.data = NeedleData(develop=tuple(objects), test=(), splits_hash=splits_hash(split))
        self.fold = folds(objects, FOLDS, seed=rules.seed)

    def training(self, variant: str) -> Parts:
        """Training samples turned by any angle, none up-sampled; validation samples as they are."""
        rng = np.random.default_rng([self.rules.seed, VARIANTS.index(variant)])
        hosted = [e for e in self._epochs if variant == "T" or self.data.develop[e.index].host is not None]
        limit = self.rules.validation_epochs
        by_object: dict[int, list[_Epoch]] = defaultdict(list)
        for i in rng.permutation(len(hosted)):
            by_object[hosted[i].index].append(hosted[i])
        held_out = [epoch for found in by_object.values() for epoch in found[:limit]]
        return Parts(
            real=self._part(variant, [e for e in hosted for _ in range(TURNS)], rng, turn=True),
            up=self._part(variant, [], rng, turn=False),
            validation=self._part(variant, held_out, rng, turn=False),
        )

    def _part(self, variant: str, epochs: Sequence[_Epoch], rng: np.random.Generator, *, turn: bool) -> Part:
        masked, plain, rows = [], [], []
        for one in epochs:
            pair, chosen = one.images.pair, (one.images.science, one.images.reference)
            assert pair is not None
            assert chosen[0] is not None
            assert chosen[1] is not None
            target = self.data.develop[one.index]
            masked.append(masked_input(augment(pair, rng) if turn else pair))
            plain.append(plain_input(chosen[0].image, chosen[1].image))
            host = target.host if variant == "TH" else None
            rows.append(vector(features(one.points, host, reddening(target)), NAMES))
        index = np.array([one.index for one in epochs], int)
        shape = (0, 2, 60, 60)
        samples = Samples(
            images=np.stack(masked) if masked else np.zeros(shape, np.float16),
            x=np.array(rows).reshape(-1, len(NAMES)),
            label=np.array([self.data.develop[i].label for i in index], int),
            object_index=index,
            weight=object_weights(index),
            days=np.array([float(one.points.mjd[-1] - one.points.mjd[0]) for one in epochs]),
            folds=np.repeat(np.array(self.fold, int)[index], 3).reshape(-1, 3),
        )
        return Part(samples=samples, plain=np.stack(plain) if plain else np.zeros(shape, np.float16))


def _gathered(
    folder: Path, labels: dict[str, str], rules: SampleRules, tell: Tell
) -> tuple[list[Labelled], list[_Epoch]]:
    """The objects that have a class and at least one epoch with a light curve and usable stamps, and those epochs."""
    checker, left_out = load_checker(), Counter[str]()
    alerts: dict[str, list[Alert]] = defaultdict(list)
    for alert in _packets(folder, left_out):
        if alert.target.target_id in labels:
            alerts[alert.target.target_id].append(alert)
    objects: list[Labelled] = []
    epochs: list[_Epoch] = []
    for name in sorted(alerts):
        label = _label(labels[name])
        if label is None:
            left_out[f"of class {labels[name]}"] += 1
            continue
        one = _object(name, labels[name], label, alerts[name])
        if one is None:
            left_out["without photometry"] += 1
            continue
        found = list(_epochs(len(objects), one, alerts[name], rules, checker))
        if not found:
            left_out["without an early epoch with usable stamps"] += 1
            continue
        objects.append(one)
        epochs += found
    counts = Counter(NEEDLE_CLASSES[one.label] for one in objects)
    tell(f"{len(epochs)} epochs of {', '.join(f'{n} {name}' for name, n in counts.items()) or 'no object'}")
    tell("left out: " + (", ".join(f"{n} {why}" for why, n in left_out.items()) or "nothing"))
    return objects, epochs


def _packets(folder: Path, left_out: Counter[str]) -> Iterator[Alert]:
    for path in sorted(folder.rglob("*.avro")):
        try:
            yield from read_alerts(path)
        except BadPayload:
            left_out["packets that cannot be read"] += 1


def _label(kind: str) -> int | None:
    if kind in NEEDLE_CLASSES:
        return NEEDLE_CLASSES.index(kind)
    return 0 if kind.startswith("SN ") else None


def _object(name: str, kind: str, label: int, alerts: Sequence[Alert]) -> Labelled | None:
    latest = sorted(alerts, key=lambda a: a.cutouts.mjd, reverse=True)
    curve = merged(alert.light_curve for alert in latest)
    if curve is None:
        return None
    place = next((a.target for a in latest if a.target.ra_deg is not None), latest[0].target)
    host = next((found for a in latest if (found := host_of(a)) is not None), None)
    return Labelled(
        object_id=name, label=label, kind=kind, curve=curve, ebv_mag=None, ra_deg=place.ra_deg, dec_deg=place.dec_deg,
        redshift=None, host=host, source="alerts",
    )  # fmt: skip


def _epochs(
    index: int, one: Labelled, alerts: Sequence[Alert], rules: SampleRules, checker: Checker
) -> Iterator[_Epoch]:
    """The alerts of an object up to the latest early epoch, as the service would have seen them then."""
    early, ebv = rules.examples, reddening(one)
    whole = clean(one.curve, ebv, early.clean)
    if not len(whole):
        return
    last = peak_mjd(whole) + early.resample.latest_days
    positive = sorted((a for a in alerts if a.positive and a.cutouts.mjd <= last), key=lambda a: a.cutouts.mjd)
    rng = np.random.default_rng([rules.seed, index])
    for i in sorted(rng.permutation(len(positive))[:MOST_ALERTS].tolist()):
        now = positive[i].cutouts
        points = as_seen(one, now.mjd + early.clean.merge_days, ebv, early.clean)
        before = [a.cutouts for a in positive[: i + 1] if a.cutouts.band == now.band][-EARLIER - 1 :]
        images = prepare(before, checker)
        if len(points) and images.pair is not None:
            yield _Epoch(index=index, points=points, images=images)
