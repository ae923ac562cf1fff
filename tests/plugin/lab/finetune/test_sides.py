"""No object is on two sides, whatever it is called; none that the bundle held back has a part."""

import json
from collections import defaultdict
from dataclasses import replace

import numpy as np
import pytest

from iris_client.quality.control import QualityRules
from iris_client.taxonomy.names import Label
from models.bundle import SHIPPED
from models.domain import RawSpectrum, Target
from models.training.dataset import SPLITS
from plugin.lab.dataset.assemble import assemble
from plugin.lab.dataset.labelled import placed_before
from plugin.lab.dataset.records import Record
from plugin.lab.finetune.known import KnownObjects, digest, of_card
from plugin.lab.finetune.sides import SAME_PLACE_ARCSEC, SHARES, same_place, side_of, split_own

NOBODY = KnownObjects({}, complete=True)
WAVE = np.arange(3700.0, 9200.0, 12.0)


def record(number: int, name: str, *names: str) -> Record:
    flux = 5 + np.random.default_rng(number).normal(size=WAVE.size).cumsum() * 0.05
    raw = RawSpectrum(spectrum_id=str(number), target_id=name, wavelengths=WAVE, fluxes=flux + 20)
    return Record(raw=raw, group=name, names=(name, *names), label=Label(raw="Ia", status="fine", fine="SN Ia"))


def split(records, targets=(), known=NOBODY):
    found = assemble(records, rules=QualityRules(min_coverage=0.6))
    return split_own(found, {t.target_id: t for t in targets}, known)


def sides_of(own) -> dict[str, set[int]]:
    """Sides of each spectrum's id."""
    found = defaultdict(set)
    for spectrum, side in zip(own.data.ids, own.data.split.tolist(), strict=True):
        found[spectrum].add(side)
    return found


def test_every_object_stands_on_one_side_and_all_sides_are_filled() -> None:
    own = split([record(2 * i + j, f"ZTF26a{i:04d}") for i in range(120) for j in range(2)])
    sides = defaultdict(set)
    for group, side in zip(own.data.groups, own.data.split.tolist(), strict=True):
        sides[group].add(side)
    assert len(sides) == 120
    assert all(len(found) == 1 for found in sides.values())
    counts = np.bincount([next(iter(s)) for s in sides.values()], minlength=4)
    assert (counts > 0).all()
    assert tuple(side for side, _ in SHARES) == SPLITS
    for count, (side, share) in zip(counts, SHARES, strict=True):
        assert abs(count / 120 - share) < 0.15, side


def test_a_side_depends_on_nothing_but_the_name() -> None:
    alone = split([record(1, "ZTF26aaaa")])
    among = split([record(i, f"ZTF26x{i}") for i in range(10, 40)] + [record(1, "ZTF26aaaa")])
    assert sides_of(alone)["1"] == sides_of(among)["1"]
    assert side_of("SN 2026abc") == side_of("AT2026abc")


def test_two_names_of_one_object_stand_together() -> None:
    """By a name they share, however it is written; by the place; and by both in a chain."""
    pairs = [(f"ZTF26a{i:03d}", f"ATLAS26b{i:03d}") for i in range(60)]
    shared = [
        record(2 * i + j, name, f"{prefix}2026q{i}")
        for i, pair in enumerate(pairs)
        for j, (name, prefix) in enumerate(zip(pair, ("SN ", "AT"), strict=True))
    ]
    own = split(shared)
    assert len(set(own.data.groups)) == 60
    near = [
        Target(target_id=name, ra_deg=10.0 + i + j * 0.8 * SAME_PLACE_ARCSEC / 3600, dec_deg=5.0)
        for i, pair in enumerate(pairs)
        for j, name in enumerate(pair)
    ]
    placed = split([record(2 * i + j, name) for i, pair in enumerate(pairs) for j, name in enumerate(pair)], near)
    assert len(set(placed.data.groups)) == 60
    sides = sides_of(placed)
    assert all(sides[str(2 * i)] == sides[str(2 * i + 1)] for i in range(60))


def test_what_is_near_is_told_on_the_sphere() -> None:
    one = ("a", Target(target_id="a", ra_deg=359.9999, dec_deg=60.0))
    other = ("b", Target(target_id="b", ra_deg=0.0001, dec_deg=60.0))  # 0.36 arcsec away
    far = ("c", Target(target_id="c", ra_deg=0.01, dec_deg=60.0))
    nowhere = ("d", Target(target_id="d"))
    assert same_place([one, other, far, nowhere]) == [("a", "b")]
    assert same_place([nowhere]) == []


def test_objects_of_the_bundle() -> None:
    """Those it held back have no part under any name; those that taught it teach and do nothing else."""
    known = KnownObjects({digest("SN2019aaa"): "test", digest("ZTF18bbb"): "train"}, complete=True)
    names = [f"ZTF18b{i}" for i in range(40)]
    own = split(
        [record(1, "ZTF19x", "SN 2019aaa"), record(2, "ZTF18bbb"), *map(record, range(3, 43), names)], (), known
    )
    assert "1" not in own.data.ids
    assert own.left_out["held back by the bundle (test)"] == 1
    assert sides_of(own)["2"] == {SPLITS.index("train")}
    assert own.known_train == 1
    # One that taught and is held back under another name is held back.
    both = split([record(1, "ZTF18bbb", "SN 2019aaa"), record(9, "ZTF18c")], (), known)
    assert both.data.ids == ("9",)


def test_a_place_shared_with_a_held_back_object_is_held_back() -> None:
    known = KnownObjects({digest("SN2019aaa"): "calibrate"}, complete=True)
    targets = [Target(target_id=n, ra_deg=50.0, dec_deg=-3.0) for n in ("ZTF19x", "SN2019aaa")]
    own = split([record(1, "ZTF19x"), record(2, "SN2019aaa"), record(3, "ZTF19y")], targets, known)
    assert own.data.ids == ("3",)


def test_the_list_of_the_shipped_bundle_names_all_its_splits() -> None:
    card = json.loads((SHIPPED / "card.json").read_text())
    known = of_card(card)
    assert known.complete
    for name, side in list(placed_before().items())[::50]:
        assert known.split_of([name]) is not None, (name, side)
    told = known.by_split()
    # Objects of the card, real ones, under one name at least each.
    for side in SPLITS:
        assert len(told[side]) >= sum(c["objects"] for c in card["training"]["counts_real"][side].values())
    other = of_card({"training": {"split_hash": "of another bundle"}})
    assert not other.complete
    assert len(other)


def test_nothing_left_is_said() -> None:
    with pytest.raises(ValueError, match="no classified spectrum is left"):
        split([replace(record(1, "a"), label=Label(raw="", status="unknown"))])
