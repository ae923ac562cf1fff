"""Labelled objects of the data folder for the NEEDLE models, and which of them may be trained on."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from models.domain import NEEDLE_CLASSES
from models.training.needle.examples import Labelled
from plugin.batch.needle_files import NOT_ZTF, Curve, read_curves, read_hosts
from plugin.lab.dataset.identity.splits import assign_splits, splits_hash

FRACTIONS = {"develop": 0.75, "test": 0.25}
MAX_SLSN_REDSHIFT = 0.6
"""Farther ones, of deeper surveys, are nothing that ZTF finds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NeedleData:
    """Objects by split; `develop` is cross-validated, `test` is only ever measured."""

    develop: tuple[Labelled, ...]
    test: tuple[Labelled, ...]
    splits_hash: str


def load(folder: Path, *, seed: int = 42) -> NeedleData:
    """Read `FOLDER/ztf/lightcurves.parquet` and `hosts.parquet`.

    Raises
    ------
    plugin.batch.needle_files.NeedleInputError
        If a file is missing or cannot be used.
    """
    hosts = read_hosts(folder / "ztf" / "hosts.parquet")
    curves = read_curves(folder / "ztf" / "lightcurves.parquet", training=True)
    objects = [_labelled(c, hosts.get(c.object_id)) for c in curves if _usable(c)]
    split = assign_splits([o.object_id for o in objects], [o.kind for o in objects], fractions=FRACTIONS, seed=seed)
    parts: dict[str, list[Labelled]] = {"develop": [], "test": []}
    for one in objects:
        # Light curves of other telescopes teach what core-collapse supernovae look like; no figure counts them.
        parts[split[one.object_id] if one.survey else "develop"].append(one)
    return NeedleData(develop=tuple(parts["develop"]), test=tuple(parts["test"]), splits_hash=splits_hash(split))


def folds(objects: Sequence[Labelled], count: int, *, seed: int = 42) -> list[int]:
    """The fold of each object, stratified by finer class."""
    shares = {str(i): 1.0 / count for i in range(count)}
    fold = assign_splits([o.object_id for o in objects], [o.kind for o in objects], fractions=shares, seed=seed)
    return [int(fold[o.object_id]) for o in objects]


def _usable(curve: Curve) -> bool:
    label, redshift = curve.about["needle3"], curve.about["redshift"]
    if curve.curve is None or label not in NEEDLE_CLASSES:
        return False
    if curve.about["phot_type"] == NOT_ZTF:
        return bool(label == "SN")
    return bool(label != "SLSN-I" or redshift < MAX_SLSN_REDSHIFT)


def _labelled(curve: Curve, host: object) -> Labelled:
    from models.domain import Host

    assert curve.curve is not None
    assert host is None or isinstance(host, Host)
    redshift = float(curve.about["redshift"])
    return Labelled(
        object_id=curve.object_id,
        label=NEEDLE_CLASSES.index(curve.about["needle3"]),
        kind=str(curve.about["class"]),
        curve=curve.curve,
        ebv_mag=curve.ebv_mag,
        ra_deg=curve.ra_deg,
        dec_deg=curve.dec_deg,
        redshift=redshift if redshift > 0 else None,
        host=host,
        source=str(curve.about["source"]),
        survey=curve.about["phot_type"] != NOT_ZTF,
    )
