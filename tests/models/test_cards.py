"""The fields of cards: what is missing or of another type is named, what is unknown stays."""

import json
from pathlib import Path

import pytest

from models import bundle
from models.card_fields import BundleCard, HybridCard, NeedleCard, QualityCard, checked
from models.cards import CARD, BundleError
from models.needle import model as needle
from models.needle.hybrid import model as hybrid
from models.needle.images import quality
from tests.models.bundles import tiny_bundle

KINDS = {
    "bundle": (bundle.SHIPPED, BundleCard),
    "needle": (needle.SHIPPED, NeedleCard),
    "quality": (quality.SHIPPED, QualityCard),
    "hybrid": (hybrid.SHIPPED, HybridCard),
}


def card_at(folder: Path) -> dict:
    return json.loads((folder / CARD).read_text())


@pytest.mark.parametrize("name", KINDS)
def test_shipped_cards_are_of_their_kind_and_no_required_field_may_go(name: str) -> None:
    folder, kind = KINDS[name]
    card = card_at(folder)
    assert checked(folder, card, kind) is card
    for field in kind.__required_keys__:
        without = {k: v for k, v in card.items() if k != field}
        with pytest.raises(BundleError, match=f"card.json: field `{field}`: Field required"):
            checked(folder, without, kind)


@pytest.mark.parametrize(
    ("section", "field", "value"),
    [("members.0", "seed", "42"), ("calibration", "id", None), ("sentinel", "scores", "msp"), ("prior", "answered", 1)],
)
def test_a_field_of_another_type_is_named_with_its_place(section: str, field: str, value: object) -> None:
    card = card_at(bundle.SHIPPED)
    place = card
    for key in section.split("."):
        place = place[int(key) if key.isdigit() else key]
    place[field] = value
    with pytest.raises(BundleError, match=rf"card.json: field `{section}.{field}`"):
        checked(bundle.SHIPPED, card, BundleCard)


def test_a_bundle_with_a_broken_card_is_refused_and_one_with_more_in_it_is_kept_whole(tmp_path) -> None:
    folder = tiny_bundle(tmp_path / "tiny")
    card = card_at(folder)
    (folder / CARD).write_text(json.dumps(card | {"observatory": {"name": "Palomar"}}))
    assert bundle.load(folder).card["observatory"] == {"name": "Palomar"}
    (folder / CARD).write_text(json.dumps(card | {"temperature": "warm"}))
    with pytest.raises(BundleError, match="field `temperature`: Input should be a valid number"):
        bundle.load(folder)


def test_of_many_broken_fields_three_are_told() -> None:
    with pytest.raises(BundleError, match=r"and \d+ more") as caught:
        checked(Path("there"), {}, BundleCard)
    assert str(caught.value).count("Field required") == 3
