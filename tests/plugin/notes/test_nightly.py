"""From the store to the files: which reports make a night, what the marshal says now, the card's figures."""

from datetime import datetime, timedelta

import pytest

from iris_client.errors import NotFound, Unavailable
from iris_client.protocols import TransientName
from models.domain import FINE_CLASSES, Confidence, HumanLabel, RawSpectrum, Report, Status, Target, Verdict
from plugin.notes import Figures, Night, NoteRules
from plugin.notes.night_entries import figures_of, night_entries
from plugin.notes.nightly import draft_night, write_last_night
from plugin.settings import Settings
from plugin.store import ASTRANET, Filed, Store, open_store, spectrum

URL = "http://marshal.example"
NIGHT = Night.parse("2026-06-10")
NOW = datetime(2026, 6, 11, 15, 0)
CARD = {
    "metrics": {
        "split": "test",
        "real": {
            "spectra": 2100,
            "objects": 1500,
            "precision": {"SN Ia": {"value": 0.95, "low": 0.93, "high": 0.97}, "CV": None},
            "recall": {"SN Ia": {"value": 0.9, "low": 0.88, "high": 0.92}, "CV": None},
        },
    }
}


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


def filed(spectrum_id, filed_at, target_id="ZTF26a", p=0.95):
    probabilities = {c: p if c == "SN Ia" else (1 - p) / 6 for c in FINE_CLASSES}
    report = Report(
        target_id=target_id,
        spectrum_id=spectrum_id,
        status=Status.OK,
        verdict=Verdict(label="SN Ia", probabilities=probabilities, coarse={}),
        confidence=Confidence(
            prediction_sets={"0.05": ("SN Ia",)},
            method="lac",
            calibration_id="c",
            calibration_size=500,
            calibration_date="2026-01-01",
        ),
        bundle="compact-1@abc",
    )
    return Filed(
        subject=spectrum(spectrum_id),
        producer=ASTRANET,
        target_id=target_id,
        version="2026-06-10T20:00:00.000000",
        report=report,
        observed_at="2026-06-10T05:00:00",
        instrument="SEDM",
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


def test_a_night_is_when_a_spectrum_was_answered(store):
    put(store, filed("1", "2026-06-10T11:59:59"), filed("2", "2026-06-10T12:00:00"), filed("3", "2026-06-11T12:00:00"))
    entries = night_entries(store, Marshal(), NIGHT, NoteRules())
    assert [(e.report.spectrum_id, e.instrument) for e in entries] == [("2", "SEDM")]


def test_each_object_is_asked_for_once_and_a_lost_one_is_kept(store):
    put(
        store, filed("1", "2026-06-10T20:00:00"), filed("2", "2026-06-10T21:00:00"), filed("3", "2026-06-10T22:00", "b")
    )
    known = Target(target_id="ZTF26a", classifications=(HumanLabel("Ia"),))
    marshal = Marshal({"ZTF26a": known})
    entries = night_entries(store, marshal, NIGHT, NoteRules())
    assert marshal.asked == ["ZTF26a", "b"]
    assert [e.target for e in entries] == [known, known, Target(target_id="b")]


def test_simulated_is_what_the_spectrum_itself_says(store):
    put(store, filed("1", "2026-06-10T20:00:00"), filed("2", "2026-06-10T20:00:00"), filed("3", "2026-06-10T20:00:00"))
    entries = night_entries(store, Marshal(origins={"1": "simulated", "2": "Palomar"}), NIGHT, NoteRules())
    assert {e.report.spectrum_id: e.simulated for e in entries} == {"1": True, "2": False, "3": False}


def test_an_absent_marshal_means_no_note(store):
    class Away(Marshal):
        def target(self, target_id):
            raise Unavailable("no answer")

    put(store, filed("1", "2026-06-10T20:00:00"))
    with pytest.raises(Unavailable):
        night_entries(store, Away(), NIGHT, NoteRules())


def test_the_figures_are_the_cards():
    figures = figures_of(CARD)
    assert figures.sentence("SN Ia") == "SN Ia: purity 0.95 (0.93-0.97), recall 0.90 (0.88-0.92)"
    assert figures.sentence("CV") == "CV: purity not measured, recall not measured"
    assert figures.test == "2100 real test spectra of 1500 objects not used in training"
    assert figures_of({}) == Figures()


def test_a_draft_from_store_settings_and_card(store):
    put(store, filed("1", "2026-06-10T20:00:00"))
    settings = Settings.model_validate({"marshal_url": URL, "note_authors": "A. Bee (Institute)"})
    marshal = Marshal({"ZTF26a": Target(target_id="ZTF26a", ra_deg=1.0, dec_deg=2.0, tns_name="AT 2026abc")})
    draft = draft_night(settings, store, marshal, now=NOW, night=NIGHT, card=CARD)
    assert "1 SN Ia candidate" in draft.title
    assert "in the marshal marshal.example, night" in draft.abstract
    assert "SN Ia 0.95 (0.93-0.97) / 0.90 (0.88-0.92)" in draft.abstract
    assert "2026-06-11 15:00 UT" in draft.abstract
    assert "A. Bee (Institute)" in draft.authors
    assert draft.related[0].name == "2026abc [ZTF26a]"
    assert draft_night(settings, store, Marshal(), now=NOW, night=Night.parse("2026-06-09"), card=CARD) is None


def test_what_the_tns_knows_goes_before_an_old_name_of_the_marshal(store):
    put(store, filed("1", "2026-06-10T20:00:00"), filed("2", "2026-06-10T20:00:00", "b"))
    sn = TransientName(name="SN 2026abc", type="SLSN-I", source="mirror")
    with store.begin() as unit:
        unit.names.put("ZTF26a", sn, datetime(2026, 6, 11, 9))
        unit.names.put("b", None, datetime(2026, 6, 11, 10))
    stale = Target(target_id="ZTF26a", tns_name="AT 2026abc")
    marshal = Marshal({"ZTF26a": stale, "b": Target(target_id="b", ra_deg=1.0, dec_deg=2.0)})
    entries = night_entries(store, marshal, NIGHT, NoteRules())
    assert [(e.target.tns_name, e.target.tns_type) for e in entries] == [("SN 2026abc", "SLSN-I"), (None, None)]
    draft = draft_night(Settings(marshal_url=URL), store, marshal, now=NOW, night=NIGHT, card=CARD)
    assert [one.target_id for one in draft.related] == ["b"]
    assert "The TNS itself was looked up as of 2026-06-11 10:00 UT" in " ".join(draft.body)


def test_a_type_that_people_gave_in_the_marshal_is_not_overwritten(store):
    put(store, filed("1", "2026-06-10T20:00:00"))
    with store.begin() as unit:
        unit.names.put("ZTF26a", TransientName(name="AT 2026abc", source="mirror"), datetime(2026, 6, 11, 9))
    typed = Target(target_id="ZTF26a", tns_name="SN 2026abc", tns_type="SN II")
    (entry,) = night_entries(store, Marshal({"ZTF26a": typed}), NIGHT, NoteRules())
    assert entry.target == typed


def test_the_last_night_is_written_once_by_one_worker(tmp_path, monkeypatch):
    written: list[datetime] = []
    monkeypatch.setattr("plugin.notes.nightly.write_night", lambda *_, now: written.append(now))
    settings = Settings(output_dir=tmp_path)
    with open_store(f"sqlite:///{tmp_path / 'a.sqlite'}", marshal=URL) as store:
        one, other = Store(store.engine, URL), Store(store.engine, URL)  # without the file's lock, as with PostgreSQL
        with other.leading("note"):
            write_last_night(settings, one, Marshal(), now=NOW)
        assert written == []
        for worker in (one, other, one):
            write_last_night(settings, worker, Marshal(), now=NOW)
        assert written == [NOW]
        write_last_night(settings, other, Marshal(), now=NOW + timedelta(days=1))
        assert len(written) == 2
