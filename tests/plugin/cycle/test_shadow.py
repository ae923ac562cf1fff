"""Another bundle beside the live one: filed, compared, never posted; and whatever breaks in it breaks nothing else."""

from dataclasses import replace
from datetime import timedelta

import pytest

from iris_client.protocols import SpectrumStub
from models.domain import FINE_CLASSES, Report
from plugin.cycle.analyse import Analysing
from plugin.cycle.posting import Posting
from plugin.cycle.spectra.producer import SpectraProducer
from plugin.shadow.compare import compare, pairs_of
from plugin.shadow.producer import SHADOW, Shadowed
from plugin.shadow.replay import replay
from plugin.store import ASTRANET
from tests.fakes.analyst import FakeAnalyst
from tests.fakes.marshal import good


class OtherAnalyst(FakeAnalyst):
    """Says the next class of each that the live one says, for even spectra."""

    def _one(self, evidence, caveats) -> Report:
        report = super()._one(evidence, caveats)
        if report.verdict is None or int(report.spectrum_id) % 2:
            return report
        label = FINE_CLASSES[(FINE_CLASSES.index(report.verdict.label) + 1) % len(FINE_CLASSES)]
        return replace(report, verdict=replace(report.verdict, label=label))


@pytest.fixture
def known(marshal, store, clock):
    """Six spectra of three sources, waiting."""
    marshal.add(*(good(str(n), f"ZTF26{'abc'[n % 3]}") for n in range(1, 7)))
    ask(store, marshal, clock)
    return marshal


def ask(store, marshal, clock) -> None:
    """Let every spectrum of the marshal be answered."""
    stubs = [
        SpectrumStub(spectrum_id=n, target_id=raw.target_id, modified=raw.modified, kind=raw.kind)
        for n, raw in marshal.spectra.items()
    ]
    with store.begin() as unit:
        unit.spectra.add(stubs, clock())


def run(store, marshal, clock, shadow=None):
    live = SpectraProducer(marshal=marshal, analyst=FakeAnalyst(), posting=Posting(group_ids=(6,)), clock=clock)
    producer = live if shadow is None else Shadowed(live=live, analyst=shadow)
    done = Analysing(producer=producer, store=store, clock=clock).run()
    assert done["ok"] == len(marshal.spectra), done
    return live


def wishes(store) -> list[tuple[str, ...]]:
    with store.begin(to_read=True) as unit:
        return [(str(p.place), p.kind, p.origin, p.body_sha) for p in unit.outbox.at(unit.outbox.places())]


def test_what_is_posted_is_what_would_be_without_a_shadow(known, store, clock):
    run(store, known, clock, OtherAnalyst("other-1@00000001"))
    shadowed = wishes(store)
    with store.begin(to_read=True) as unit:
        bundles = {f.report.bundle for f in unit.reports.every(SHADOW)}
        assert bundles == {"other-1@00000001"}
        assert {f.report.bundle for f in unit.reports.every(ASTRANET)} == {"fake-1@00000000"}
    for raw in list(known.spectra.values()):
        known.add(replace(raw, modified="2026-06-11T00:00:00"))
    ask(store, known, clock)
    run(store, known, clock)
    assert wishes(store) == shadowed
    assert len(shadowed) >= 9  # six spectra and three sources


def test_a_shadow_that_breaks_breaks_nothing_else(known, store, clock):
    broken = FakeAnalyst("broken@1", fails_on=frozenset({"3"}))
    run(store, known, clock, broken)
    with store.begin(to_read=True) as unit:
        assert len(unit.reports.every(ASTRANET)) == 6
        assert {f.subject.id for f in unit.reports.every(SHADOW)} == {"1", "2", "4", "5", "6"}


def test_what_would_change_and_who_was_right(known, store, clock):
    run(store, known, clock, OtherAnalyst("other-1@00000001"))
    with store.begin(to_read=True) as unit:
        pairs = pairs_of(unit)
        live = {f.target_id: f.report.verdict.label for f, _ in pairs}
        other = {f.target_id: f.report.verdict.label for _, f in pairs}
    truths = {"ZTF26a": live["ZTF26a"], "ZTF26b": other["ZTF26b"], "ZTF26c": "TDE", "unknown": "SN Ia"}
    found = compare(pairs, truths, 0.05)
    assert (found.spectra, found.objects, found.differing["class"]) == (6, 3, 3)
    assert [c.spectrum_id for c in found.changes] == [f.subject.id for f, _ in pairs if int(f.subject.id) % 2 == 0]
    # Recounted by hand, object by object, from the newest pair of each.
    right = [(live[t] == truths[t], other[t] == truths[t]) for t in ("ZTF26a", "ZTF26b", "ZTF26c")]
    assert found.judged == 3
    assert found.both_right == right.count((True, True))
    assert found.live_right == right.count((True, False))
    assert found.shadow_right == right.count((False, True))
    assert "->" not in found.changes[0].live


def test_a_night_again_is_the_same_until_something_changes(known, store, clock):
    live = run(store, known, clock)
    before = wishes(store)
    span = (clock() - timedelta(hours=1), clock() + timedelta(hours=1))
    again = list(replay(store, live, *span))
    assert len(again) == 6
    assert all(one.changed == {} for one in again)
    today = replace(live, analyst=OtherAnalyst("other-1@00000001"))
    del known.spectra["6"]
    differing = {one.spectrum_id: one for one in replay(store, today, *span) if one.changed}
    assert set(differing) == {"1", "2", "3", "4", "5", "6"}  # the bundle's name, at least
    assert "class" in differing["2"].changed
    assert set(differing["1"].changed) == {"bundle"}
    assert differing["6"].gone
    assert differing["6"].after is None
    assert wishes(store) == before  # nothing was said anywhere
    assert list(replay(store, live, span[1], span[1] + timedelta(days=1))) == []
