"""From the store to the files: which answers make a period, what the marshal says now, and what was announced."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from iris_client.errors import NotFound, Unavailable
from iris_client.protocols import TransientName
from iris_client.tns.astronotes import AstroNote, NotedObject
from models.domain import HumanLabel, RawSpectrum, Target
from plugin.notes import Night, Period
from plugin.notes.checker import check
from plugin.notes.gather import Gatherer
from plugin.notes.nightly import announce, draft_notes, kinds_of, write_due_notes, write_notes
from plugin.notes.review.content import content_of, draft_of
from plugin.settings import Settings
from plugin.store import ASTRANET, NEEDLE, Filed, Store, object_of, open_store, spectrum
from tests.fakes.notes import candidate, report

URL = "http://marshal.example"
NIGHT = Period.parse("2026-06-10")
NOW = datetime(2026, 6, 11, 15, 0)


class Marshal:
    """Knows targets and origins by id; everything else is not found."""

    def __init__(self, targets=(), origins=()):
        self.targets, self.origins, self.asked = dict(targets), dict(origins), []

    def target(self, target_id):
        self.asked.append(target_id)
        if target_id not in self.targets:
            raise NotFound(f"no source {target_id}")
        return self.targets[target_id]

    def spectrum(self, spectrum_id):
        if spectrum_id not in self.origins:
            raise NotFound(f"no spectrum {spectrum_id}")
        return RawSpectrum(spectrum_id=spectrum_id, origin=self.origins[spectrum_id])


def filed(spectrum_id, filed_at, target_id="ZTF26a", **about):
    return Filed(
        subject=spectrum(spectrum_id),
        producer=ASTRANET,
        target_id=target_id,
        version="2026-06-10T20:00:00.000000",
        report=report(target_id, spectrum_id, **about),
        observed_at="2026-06-10T05:00:00",
        instrument="SEDM",
        filed_at=datetime.fromisoformat(filed_at),
    )


def filed_object(name, filed_at, **about):
    made = candidate(name, **about)
    return Filed(
        subject=object_of(name),
        producer=NEEDLE,
        target_id=name,
        version="61200.5 1",
        report=made.report,
        facts=made.facts,
        filed_at=datetime.fromisoformat(filed_at),
    )


@pytest.fixture
def store(tmp_path):
    with open_store(f"sqlite:///{tmp_path / 'notes.sqlite'}", marshal=URL) as opened:
        yield opened


def put(store, *reports):
    with store.begin() as unit:
        for one in reports:
            unit.reports.put(one)


def settings_of(tmp_path, **more):
    return Settings(marshal_url=URL, output_dir=tmp_path / "output", **more)


def spectra(store, marshal, period=NIGHT):
    return Gatherer(store=store, marshal=marshal).spectra(period)


def names(draft):
    return None if draft is None else [row.target_id for row in draft.related]


def test_a_night_is_when_a_spectrum_was_answered(store):
    put(store, filed("1", "2026-06-10T11:59:59"), filed("2", "2026-06-10T12:00:00"), filed("3", "2026-06-11T12:00:00"))
    assert [(e.report.spectrum_id, e.instrument) for e in spectra(store, Marshal())] == [("2", "SEDM")]
    week = spectra(store, Marshal(), Period.around(NIGHT.first, "week"))
    assert [e.report.spectrum_id for e in week] == ["1", "2", "3"]


def test_each_object_is_asked_for_once_and_a_lost_one_is_kept(store):
    put(
        store, filed("1", "2026-06-10T20:00:00"), filed("2", "2026-06-10T21:00:00"), filed("3", "2026-06-10T22:00", "b")
    )
    put(store, filed_object("ZTF26a", "2026-06-10T20:00:00"))
    known = Target(target_id="ZTF26a", classifications=(HumanLabel("Ia"),))
    marshal = Marshal({"ZTF26a": known})
    gatherer = Gatherer(store=store, marshal=marshal)
    assert [e.target for e in gatherer.spectra(NIGHT)] == [known, known, Target(target_id="b")]
    (found,) = gatherer.objects(NIGHT)
    assert marshal.asked == ["ZTF26a", "b"]
    assert [f.subject.id for f in found.spectra] == ["1", "2"]


def test_simulated_is_what_the_spectrum_or_its_object_says(store):
    put(store, *(filed(n, "2026-06-10T20:00:00", f"ZTF{n}") for n in "1234"))
    marshal = Marshal({"ZTF4": Target(target_id="ZTF4", simulated=True)}, {"1": "simulated", "2": "Palomar"})
    gatherer = Gatherer(store=store, marshal=marshal)
    made_up = {e.report.spectrum_id: gatherer.is_made_up(e) for e in gatherer.spectra(NIGHT)}
    assert made_up == {"1": True, "2": False, "3": False, "4": True}


def test_an_absent_marshal_means_no_note_and_nothing_announced(store, tmp_path):
    class Away(Marshal):
        def target(self, target_id):
            raise Unavailable("no answer")

    put(store, filed("1", "2026-06-10T20:00:00"))
    with pytest.raises(Unavailable):
        write_due_notes(settings_of(tmp_path), store, Away(), now=NOW)
    marshal = Marshal({"ZTF26a": Target(target_id="ZTF26a", ra_deg=1.0, dec_deg=2.0)})
    later = write_due_notes(settings_of(tmp_path), store, marshal, now=NOW + timedelta(hours=1))
    assert [folder.name for folder in later] == ["classes"]


def test_drafts_from_store_settings_and_models(store, tmp_path):
    put(store, filed("1", "2026-06-10T20:00:00"), filed("2", "2026-06-10T20:00:00", "b", label="CV", policy="ALERT"))
    put(store, filed_object("c", "2026-06-10T20:00:00"), filed("3", "2026-06-09T20:00:00", "c", label="TDE"))
    settings = settings_of(tmp_path, note_authors="A. Bee (Institute)")
    targets = {n: Target(target_id=n, ra_deg=1.0, dec_deg=2.0, tns_name=f"AT 2026{n}") for n in ("ZTF26a", "b", "c")}
    drafts = draft_notes(settings, store, Marshal(targets), now=NOW, period=NIGHT)
    assert list(drafts) == ["classes", "anomalies", "candidates"]
    assert {kind: names(draft) for kind, draft in drafts.items()} == {
        "classes": ["ZTF26a"],
        "anomalies": ["b"],
        "candidates": ["c"],
    }
    assert [check(draft) for draft in drafts.values()] == [[], [], []]
    assert "1 SN Ia candidate" in drafts["classes"].title
    assert "in the marshal marshal.example, night" in drafts["classes"].abstract
    assert "at low resolution SN Ia 0." in drafts["classes"].abstract
    assert "of 112 spectra" in drafts["classes"].body[2]
    assert "low resolution (such as the SED Machine's) it lists 32 of 428" in drafts["anomalies"].body[3]
    assert "the purity of TDE is 0." in drafts["candidates"].body[3]
    assert "A. Bee (Institute)" in drafts["classes"].authors
    assert drafts["candidates"].related[0].name == "2026c [c]"
    assert drafts["candidates"].related[0].more[-1] == "TDE 0.95 (2026-06-10, SEDM)"
    empty = draft_notes(settings, store, Marshal(), now=NOW, period=Period.parse("2026-06-07"))
    assert set(empty.values()) == {None}


@pytest.mark.parametrize("kinds", [(), ("classes",), ("anomalies", "candidates")])
def test_only_kinds_that_are_switched_on_are_drafted(store, tmp_path, kinds):
    put(store, filed("1", "2026-06-10T20:00:00", policy="ALERT"), filed_object("c", "2026-06-10T20:00:00"))
    settings = settings_of(tmp_path, notes=kinds)
    written = write_due_notes(settings, store, Marshal(), now=NOW)
    assert sorted(folder.name for folder in written) == sorted(kinds)
    assert {kind.name for kind in kinds_of(settings)} == set(kinds)


def test_what_the_tns_knows_goes_before_an_old_name_of_the_marshal(store, tmp_path):
    put(store, filed("1", "2026-06-10T20:00:00"), filed("2", "2026-06-10T20:00:00", "b"))
    sn = TransientName(name="SN 2026abc", type="SLSN-I", source="mirror")
    with store.begin() as unit:
        unit.names.put("ZTF26a", sn, datetime(2026, 6, 11, 9))
        unit.names.put("b", TransientName(name="AT 2026b", redshift=0.123, source="mirror"), datetime(2026, 6, 11, 10))
    stale = Target(target_id="ZTF26a", tns_name="AT 2026abc")
    marshal = Marshal({"ZTF26a": stale, "b": Target(target_id="b", ra_deg=1.0, dec_deg=2.0)})
    entries = spectra(store, marshal)
    assert [(e.target.tns_name, e.target.tns_type) for e in entries] == [("SN 2026abc", "SLSN-I"), ("AT 2026b", None)]
    draft = draft_notes(settings_of(tmp_path), store, marshal, now=NOW, period=NIGHT)["classes"]
    assert names(draft) == ["b"]
    assert (draft.related[0].redshift, "redshift from the TNS" in draft.related[0].remarks) == ("0.1230", True)
    assert "The TNS itself was looked up as of 2026-06-11 10:00 UT" in " ".join(draft.body)


def test_a_type_that_people_gave_in_the_marshal_is_not_overwritten(store):
    put(store, filed("1", "2026-06-10T20:00:00"))
    with store.begin() as unit:
        unit.names.put("ZTF26a", TransientName(name="AT 2026abc", source="mirror"), datetime(2026, 6, 11, 9))
    typed = Target(target_id="ZTF26a", tns_name="SN 2026abc", tns_type="SN II")
    (entry,) = spectra(store, Marshal({"ZTF26a": typed}))
    assert entry.target == typed


def test_the_last_night_is_written_once_by_one_worker(tmp_path):
    settings = settings_of(tmp_path, notes=("classes",))
    with open_store(f"sqlite:///{tmp_path / 'a.sqlite'}", marshal=URL) as store:
        put(store, filed("1", "2026-06-10T20:00:00"), filed("2", "2026-06-11T20:00:00", "b"))
        one, other = Store(store.engine, URL), Store(store.engine, URL)  # without the file's lock, as with PostgreSQL
        with other.leading("note"):
            assert write_due_notes(settings, one, Marshal(), now=NOW) == []
        written = [write_due_notes(settings, worker, Marshal(), now=NOW) for worker in (one, other, one)]
        assert [len(folders) for folders in written] == [1, 0, 0]
        assert len(write_due_notes(settings, other, Marshal(), now=NOW + timedelta(days=1))) == 1


def test_nights_that_were_missed_are_made_up_for_in_order(store, tmp_path):
    put(store, *(filed(str(d), f"2026-06-{d}T20:00:00", f"ZTF{d}") for d in (10, 11, 12)))
    settings = settings_of(tmp_path, notes=("classes",))
    write_due_notes(settings, store, Marshal(), now=NOW)
    put(store, filed("4", "2026-06-12T21:00:00", "ZTF10"))
    later = write_due_notes(settings, store, Marshal(), now=NOW + timedelta(days=2))
    assert [folder.parent.name for folder in later] == ["2026-06-11", "2026-06-12"]
    with store.begin(to_read=True) as unit:
        assert unit.watermarks.get("note") == "2026-06-12"
        assert set(unit.announced.before("classes", "x", "2026-06-12")) == {"ZTF10", "ZTF11", "ZTF12"}


def test_who_dies_between_files_and_database_writes_the_same_again(store, tmp_path):
    put(store, filed("1", "2026-06-10T20:00:00"))
    settings = settings_of(tmp_path, notes=("classes",))
    drafts = draft_notes(settings, store, Marshal(), now=NOW, period=NIGHT)
    write_notes(settings, NIGHT, drafts)
    again = draft_notes(settings, store, Marshal(), now=NOW, period=NIGHT)
    assert again == drafts
    announce(store, NIGHT, again, NOW)
    assert draft_notes(settings, store, Marshal(), now=NOW, period=NIGHT) == drafts  # a note does not exclude its own


def test_a_week_is_written_when_it_is_over_without_what_its_days_announced(store, tmp_path):
    put(store, filed("1", "2026-06-08T20:00:00", "a"), filed("2", "2026-06-14T20:00:00", "b"))
    daily, weekly = (settings_of(tmp_path, notes=("classes",), note_every=every) for every in ("day", "week"))
    (first,) = write_due_notes(daily, store, Marshal(), now=datetime(2026, 6, 9, 15))
    assert first.parent.name == "2026-06-08"
    assert write_due_notes(weekly, store, Marshal(), now=datetime(2026, 6, 15, 11)) == []  # Sunday's night is not over
    (digest,) = write_due_notes(weekly, store, Marshal(), now=datetime(2026, 6, 15, 15))
    assert digest.parent.name == "2026-06-08_2026-06-14"
    text = (digest / "astronote.txt").read_text()
    assert "nights 2026-06-08 to 2026-06-14 UT" in " ".join(text.split())
    assert "1 announced before with the same answer" in " ".join(text.split())
    assert write_due_notes(weekly, store, Marshal(), now=datetime(2026, 6, 21, 15)) == []
    assert write_due_notes(daily, store, Marshal(), now=datetime(2026, 6, 16, 15)) == []  # nothing on Monday
    with store.begin(to_read=True) as unit:
        assert unit.watermarks.get("note") == "2026-06-15"


def test_an_object_with_another_answer_is_announced_anew(store, tmp_path):
    settings = settings_of(tmp_path, notes=("classes",))
    put(store, filed("1", "2026-06-10T20:00:00"))
    write_due_notes(settings, store, Marshal(), now=NOW)
    put(store, filed("2", "2026-06-11T20:00:00"))
    assert write_due_notes(settings, store, Marshal(), now=NOW + timedelta(days=1)) == []
    put(store, filed("3", "2026-06-12T20:00:00", label="SN II"))
    assert len(write_due_notes(settings, store, Marshal(), now=NOW + timedelta(days=2))) == 1
    assert Night.parse("2026-06-12") == Night.before(NOW + timedelta(days=2))


def test_what_others_have_noted_is_left_out_unless_we_announced_it_ourselves(store, tmp_path):
    put(store, filed("1", "2026-06-10T20:00:00"), filed("2", "2026-06-10T20:00:00", "ZTF26b"))
    note = AstroNote(number="2026-7", objects=(NotedObject(alt_name="ZTF26a"),))
    with store.begin() as unit:
        unit.others_notes.put("https://www.wis-tns.org", [note], NOW)
    settings = settings_of(tmp_path, notes="classes")
    there = {name: Target(target_id=name, ra_deg=ra, dec_deg=2.0) for name, ra in (("ZTF26a", 1.0), ("ZTF26b", 9.0))}
    marshal = Marshal(there)
    draft = draft_notes(settings, store, marshal, now=NOW, period=NIGHT)["classes"]
    assert names(draft) == ["ZTF26b"]
    assert "1 named already in an AstroNote of others" in " ".join(draft.body)
    assert check(draft) == []
    with store.begin() as unit:
        unit.announced.put("classes", "2026-06-01", "2026-06-01", {"ZTF26a": "SN II"}, NOW)
    draft = draft_notes(settings, store, marshal, now=NOW, period=NIGHT)["classes"]
    assert sorted(names(draft)) == ["ZTF26a", "ZTF26b"]  # ours, and the answer is another now


def test_drafts_go_to_their_review_and_edits_stay(store, tmp_path):
    put(store, filed("1", "2026-06-10T20:00:00"))
    settings = settings_of(tmp_path, notes="classes")
    drafts = draft_notes(settings, store, Marshal(), now=NOW, period=NIGHT)
    announce(store, NIGHT, drafts, NOW)
    with store.begin() as unit:
        note = unit.notes.of("classes", "2026-06-10")
        assert draft_of(note.content) == drafts["classes"]
        unit.notes.change(note, content_of(replace(drafts["classes"], title="By hand")), NOW, by="Ann", said="title")
    announce(store, NIGHT, {"classes": None}, NOW)
    with store.begin() as unit:
        assert unit.notes.of("classes", "2026-06-10").content["title"] == "By hand"
