"""Labelled objects of the data folder for the NEEDLE models, and which of them may be trained on."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from models.training.needle.examples import Labelled
from plugin.batch.needle_files import read_hosts
from plugin.lab.dataset.identity.splits import assign_splits, splits_hash
from plugin.lab.needle import tables
from plugin.lab.needle.sides import same_objects, sides

FRACTIONS = {"develop": 0.75, "test": 0.25}


@dataclass(frozen=True, slots=True, kw_only=True)
class NeedleData:
    """Objects by split; `develop` is cross-validated, `test` is only ever measured.

    Parameters
    ----------
    first_hash : str
        That of the first table alone, whose training objects are among these.
    survey_test : tuple of Labelled
        Every object of the test side of all tables, once, by its alerts where there are any.
    untaught : tuple of Labelled
        Objects of kinds that no model was taught (SLSN-II); no figure counts them.
    """

    develop: tuple[Labelled, ...]
    test: tuple[Labelled, ...]
    splits_hash: str
    first_hash: str = ""
    survey_test: tuple[Labelled, ...] = ()
    untaught: tuple[Labelled, ...] = ()


def load(folder: Path, *, seed: int = 42) -> NeedleData:
    """Read `FOLDER/ztf/lightcurves.parquet` and `hosts.parquet`.

    Raises
    ------
    plugin.batch.needle_files.NeedleInputError
        If a file is missing or cannot be used.
    """
    objects = tables.first_table(folder, read_hosts(folder / "ztf" / "hosts.parquet"))
    split = assign_splits([o.object_id for o in objects], [o.kind for o in objects], fractions=FRACTIONS, seed=seed)
    # Light curves of other telescopes teach what core-collapse supernovae look like; no figure counts them.
    return NeedleData(
        develop=tuple(o for o in objects if split[o.object_id] == "develop" or not o.survey),
        test=tuple(o for o in objects if split[o.object_id] == "test" and o.survey),
        splits_hash=splits_hash(split),
    )


def load_survey(folder: Path, *, seed: int = 42) -> NeedleData:
    """Read every table of light curves: `load`, and the alert and forced photometry of the other files.

    The test of `load` stays whole and as it is. What stands on the other side under another name, or at the same
    place, is not trained on.

    Raises
    ------
    plugin.batch.needle_files.NeedleInputError
        If a file is missing or cannot be used.
    """
    first, hosts, sky = load(folder, seed=seed), read_hosts(folder / "ztf" / "hosts.parquet"), tables.read_sky(folder)
    known = {o.object_id: o for o in (*first.develop, *first.test)}
    every = [*known.values(), *tables.other_tables(folder, hosts, known), *tables.untaught(folder, hosts)]
    objects = [_placed(one, sky) for one in every]
    ids = list(dict.fromkeys(o.object_id for o in objects))
    places = {o.object_id: (o.ra_deg, o.dec_deg) for o in objects if o.ra_deg is not None and o.dec_deg is not None}
    one_each = same_objects(ids, sky.names, places)
    earlier = {o.object_id: "test" for o in first.test} | {o.object_id: "develop" for o in first.develop if o.survey}
    side = sides(one_each, earlier, seed=seed)
    tested = {one_each[name] for name, at in side.items() if at == "test"}
    taught = [o for o in objects if o.kind not in tables.UNTAUGHT]
    develop = [
        o for o in taught if not o.survey or (side[o.object_id] == "develop" and one_each[o.object_id] not in tested)
    ]
    return NeedleData(
        develop=tuple(replace(o, object_id=one_each[o.object_id]) for o in develop),
        test=first.test,
        splits_hash=splits_hash({o.object_id: side[o.object_id] for o in taught if o.survey}),
        first_hash=first.splits_hash,
        survey_test=_once([o for o in taught if o.survey and side[o.object_id] == "test"], one_each),
        untaught=_once([o for o in objects if o.kind in tables.UNTAUGHT], one_each),
    )


def folds(objects: Sequence[Labelled], count: int, *, seed: int = 42) -> list[int]:
    """The fold of each object, stratified by finer class."""
    shares = {str(i): 1.0 / count for i in range(count)}
    fold = assign_splits([o.object_id for o in objects], [o.kind for o in objects], fractions=shares, seed=seed)
    return [int(fold[o.object_id]) for o in objects]


def _placed(one: Labelled, sky: tables.Sky) -> Labelled:
    """With the place and the reddening that a catalogue knows, where the table has none."""
    ra, dec = (one.ra_deg, one.dec_deg) if one.ra_deg is not None else sky.places.get(one.object_id, (None, None))
    ebv = one.ebv_mag if one.ebv_mag is not None else sky.ebv_mag.get(one.object_id)
    return replace(one, ra_deg=ra, dec_deg=dec, ebv_mag=ebv)


def _once(objects: Sequence[Labelled], one_each: dict[str, str]) -> tuple[Labelled, ...]:
    """One curve of each object, that of the alerts first."""
    found: dict[str, Labelled] = {}
    for one in sorted(objects, key=lambda o: o.phot_type != tables.ALERT):
        found.setdefault(one_each[one.object_id], one)
    return tuple(found[name] for name in sorted(found))
