"""More like this over a store: who sees what, which embeddings may be compared, what goes away again."""

from dataclasses import replace
from datetime import datetime

import numpy as np
import pytest

from models.domain import Caveat, CaveatCode, Evidence, Report, Spectrum, Target
from models.similar.shelf import unit_to_text
from plugin.cycle.spectra.likeness import remember
from plugin.cycle.spectra.sketch import binned, packed
from plugin.ops.similar import like_vector
from plugin.store import ASTRANET, Filed, migrate, spectrum
from tests.fakes.analyst import FakeAnalyst

WAVE = np.arange(3700.0, 9300.0, 10.0)


def filed(name: str, number: str, seed: int, groups: tuple[int, ...] = (6,), *, bundle: str = "b@1") -> Filed:
    """A spectrum of which the same seed makes nearly a copy."""
    rng = np.random.default_rng(seed)
    flux = np.interp(WAVE, np.linspace(3700, 9300, 25), rng.normal(size=25))
    flux += 0.02 * np.random.default_rng(int(number)).normal(size=WAVE.size)
    embedding = unit_to_text(rng.normal(size=192))
    seen = Spectrum(spectrum_id=number, wavelength_A=WAVE, flux=flux)
    (report,) = FakeAnalyst(bundle).run_many([(Evidence(target=Target(target_id=name), spectrum=seen), ())])
    report = replace(report, embedding=embedding)
    return Filed(
        subject=spectrum(number),
        producer=ASTRANET,
        target_id=name,
        version="1",
        report=report,
        facts={"sketch": packed(binned(WAVE, flux), 3600.0, 9400.0)},
        group_ids=groups,
        filed_at=datetime(2026, 6, 10, 12),
    )


def names(store, number: str, **how) -> list[str]:
    with store.begin(to_read=True) as unit:
        (asked,) = unit.vectors.of(number)
        return [one.name for one in like_vector(unit, asked, None, **how)]


@pytest.fixture
def kept(store):
    with store.begin() as unit:
        for one in (
            filed("a", "1", seed=1),
            filed("a", "2", seed=1),
            filed("b", "3", seed=2),
            filed("c", "4", seed=1, groups=(6, 7)),
            filed("d", "5", seed=1, groups=(7,)),
        ):
            remember(unit, one)
    return store


def test_the_copy_is_first_and_the_own_object_is_not_named(kept):
    assert names(kept, "1") == ["c", "b"]


def test_only_what_everybody_sees_who_sees_this_one(kept):
    assert "d" not in names(kept, "1")
    assert names(kept, "4") == []  # seen by two groups; no other spectrum is seen by both
    assert names(kept, "1", everything=True)[:2] in (["c", "d"], ["d", "c"])


def test_where_nobody_is_named_nothing_is_shown(store):
    with store.begin() as unit:
        remember(unit, filed("a", "1", seed=1, groups=()))
        remember(unit, filed("b", "2", seed=1))
    assert names(store, "1") == []


def test_embeddings_of_other_networks_are_not_compared(store):
    with store.begin() as unit:
        remember(unit, filed("a", "1", seed=1))
        remember(unit, filed("b", "2", seed=1, bundle="other@2"))
    with store.begin(to_read=True) as unit:
        (found,) = like_vector(unit, unit.vectors.of("1")[0], None)
    assert (found.name, found.network) == ("b", None)
    assert found.shape > 0.95


def test_without_a_class_nothing_is_kept_any_more(kept):
    refused = Report.refusal(
        target_id="c",
        spectrum_id="4",
        caveats=[Caveat(code=CaveatCode.LOW_SNR, text="too noisy")],
        bundle="b@1",
        input_hash="0",
    )
    with kept.begin() as unit:
        remember(unit, replace(filed("c", "4", seed=1), report=refused))
        assert unit.vectors.of("4") == []
        unit.vectors.drop("3")
        assert {v.target_id for v in unit.vectors.every()} == {"a", "d"}


def test_going_back_takes_the_table_and_nothing_else(kept):
    migrate.downgrade(kept.engine, "0014")
    migrate.upgrade(kept.engine)
    assert migrate.drift(kept.engine) == []
    with kept.begin(to_read=True) as unit:
        assert unit.vectors.every() == []
