"""Which answered spectra stand on a map: of one bundle, seen by a group, the latest first, with their scores."""

from dataclasses import replace

import pytest

from plugin.cycle.spectra.likeness import remember
from tests.plugin.store.test_similar import filed


@pytest.fixture
def kept(store):
    spectra = [
        replace(filed("a", "1", seed=1), observed_at="2026-06-01T00:00:00"),
        replace(filed("b", "2", seed=2), observed_at="2026-06-03T00:00:00"),
        replace(filed("c", "3", seed=3, groups=(6, 77)), observed_at="2026-06-02T00:00:00"),
        replace(filed("d", "4", seed=4, groups=(7,)), observed_at=None),
        replace(filed("e", "5", seed=5, bundle="other@2"), observed_at="2026-06-09T00:00:00"),
    ]
    spectra[0] = replace(spectra[0], report=replace(spectra[0].report, embedding=None))
    with store.begin() as unit:
        for one in spectra:
            unit.reports.put(one)
            remember(unit, one)
    return store


def test_the_latest_of_the_bundle_come_first_with_their_scores(kept) -> None:
    with kept.begin(to_read=True) as unit:
        found = unit.vectors.on_map("b@1", 10)
        assert [one.vector.spectrum_id for one in found] == ["2", "3", "4"]  # neither without embedding nor of another
        assert [one.vector.spectrum_id for one in unit.vectors.on_map("b@1", 2)] == ["2", "3"]
        assert unit.vectors.count_on_map("b@1") == 3
        verdict = next(f for f in unit.reports.every("ASTRANet") if f.subject.id == "2").report.verdict
        assert found[0].probability == pytest.approx(verdict.probability)
        assert found[0].policy is None
        assert found[0].anomaly is None


def test_a_group_sees_its_own(kept) -> None:
    with kept.begin(to_read=True) as unit:
        by = {group: [s.vector.spectrum_id for s in unit.vectors.on_map("b@1", 10, group)] for group in (6, 7, 77, 8)}
        assert by == {6: ["2", "3"], 7: ["4"], 77: ["3"], 8: []}
        assert unit.vectors.count_on_map("b@1", 7) == 1
