"""What people say beside our answers: changed, withdrawn, disputed, read from us; on SQLite and PostgreSQL."""

import pytest
from sqlalchemy import inspect

from iris_client.protocols import Place
from models.domain import Caveat, CaveatCode, Report
from plugin.store import Store, migrate
from plugin.store.truth.answered import Truth, subtype, tally
from plugin.store.truth.truths import Heard, Told
from plugin.store.truth.verdicts import Vetted, agreed
from tests.fakes.truth import HOUR, NOW, file, hear, show


def truth(store: Store, target_id: str, **more):
    with store.begin(to_read=True) as unit:
        return unit.truth.settled([target_id], **more)[target_id]


def test_a_label_is_heard_once_changed_and_withdrawn(store: Store) -> None:
    said = Told(key="7", name="Ia", told_by="ann", probability=0.9, told_at=NOW - HOUR)
    assert hear(store, "a", "marshal", said) == Heard(given=("Ia",))
    assert hear(store, "a", "marshal", said, now=NOW + HOUR) == Heard()
    later = Told(key="7", name="Ia-91T", told_by="ann", probability=0.9, told_at=NOW + HOUR)
    assert hear(store, "a", "marshal", later, now=NOW + 2 * HOUR) == Heard(given=("Ia-91T",), withdrawn=("Ia",))
    with store.begin(to_read=True) as unit:
        first, second = unit.truth.given("a")
    assert (first.withdrawn_at, first.seen_at, first.told_at) == (NOW + 2 * HOUR, NOW, NOW - HOUR)
    assert (second.withdrawn_at, second.name, second.told_at) == (None, "Ia-91T", NOW + HOUR)
    found = truth(store, "a")
    assert found == Truth(
        label="SN Ia", rare=None, subtype="Ia-91T", source="marshal", told_at=NOW + HOUR, after_ours=False
    )
    assert hear(store, "a", "marshal") == Heard(withdrawn=("Ia-91T",))
    assert truth(store, "a") == "withdrawn"
    assert hear(store, "a", "marshal", later, now=NOW + 3 * HOUR) == Heard(given=("Ia-91T",))  # given anew
    with Store(store.engine, "another").begin() as unit:
        assert (unit.truth.given("a"), unit.truth.settled(["a"])) == ([], {})


def test_what_one_source_no_longer_says_another_may(store: Store) -> None:
    hear(store, "a", "marshal", Told(key="7", name="Ia"))
    hear(store, "a", "file", Told(key="ann", name="SN Ia"), whole=False)
    hear(store, "a", "file", Told(key="bob", name="SN Ia"), whole=False)  # does not take ann's away
    hear(store, "a", "marshal")
    assert truth(store, "a").source == "file"
    assert truth(store, "a", order=("tns", "marshal")) == "nobody"
    with store.begin() as unit:
        assert unit.truth.withdraw("a", "file", "ann", NOW) == 1
        assert unit.truth.withdraw("a", "file", "ann", NOW) == 0
    assert truth(store, "a").source == "file"


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ([("marshal", "Ia", None), ("marshal", "Ib", None)], "disagreement"),
        ([("marshal", "Ia", None), ("tns", "SN II", None)], "disagreement"),
        ([("marshal", "Ia", 0.3)], "doubtful"),
        ([("marshal", "Ia?", None)], "doubtful"),
        ([("marshal", "Supernova", None)], "no class"),
        ([("marshal", "Zz", None)], "no class"),
    ],
)
def test_who_disagrees_or_doubts_says_nothing(store: Store, said, why: str) -> None:
    for source in ("marshal", "tns"):
        told = [Told(key=str(i), name=n, probability=p) for i, (s, n, p) in enumerate(said) if s == source]
        hear(store, "a", source, *told)
    assert truth(store, "a") == why
    with store.begin(to_read=True) as unit:
        assert tally(unit.truth.settled(["a"])) == {why: 1}
    file(store, "a", "1")
    with store.begin(to_read=True) as unit:
        assert unit.truth.answered(NOW, NOW + HOUR) == []


def test_a_name_without_a_class_takes_no_truth_away_and_a_rare_type_is_one(store: Store) -> None:
    hear(store, "a", "tns", Told(key="tns", name="SN"))
    hear(store, "a", "marshal", Told(key="1", name="Ib", probability=0.7), Told(key="2", name="SN Ic-BL"))
    found = truth(store, "a")
    assert (found.label, found.source, found.subtype) == ("SN Ibc", "marshal", "SN Ic-BL")
    hear(store, "b", "tns", Told(key="tns", name="LBV"))
    assert (truth(store, "b").label, truth(store, "b").rare) == (None, "LBV/SN impostor")


def test_the_subtype_is_what_says_more_than_the_class() -> None:
    for name in ("SN Ia", "Ia", "Type II", "Ib/c", "TDE"):
        assert subtype(name) is None
    assert [subtype(name) for name in ("SN IIn", "Ia-91T ", "LBV", "SN", "Zz")] == [
        "SN IIn",
        "Ia-91T",
        "LBV",
        None,
        None,
    ]


def test_labels_after_ours_are_marked_by_the_first_time_that_people_could_read_it(store: Store) -> None:
    file(store, "a", "1")
    hear(store, "a", "marshal", Told(key="1", name="Ia", told_at=NOW - HOUR))
    with store.begin(to_read=True) as unit:
        assert unit.truth.shown_since("a") is None
    show(store, Place(kind="spectrum", id="1"), NOW)
    show(store, Place(kind="source", id="a"), NOW + HOUR)
    with store.begin() as unit:  # taken away: it was read all the same
        unit.outbox.enqueue(
            Place(kind="spectrum", id="1"), kind="annotation", origin="O", body=None, group_ids=(), now=NOW
        )
        unit.outbox.sent(unit.outbox.claim(NOW + HOUR, kinds=("annotation",)), None, NOW + HOUR)
        assert unit.truth.shown_since("a") == NOW
    late = Told(key="2", name="Ia", told_at=NOW + HOUR)
    hear(store, "a", "marshal", Told(key="1", name="Ia", told_at=NOW - HOUR), late, now=NOW + HOUR)
    with store.begin(to_read=True) as unit:
        assert [one.after_ours for one in unit.truth.given("a")] == [False, True]
    assert truth(store, "a").after_ours is False  # somebody had said so before
    hear(store, "a", "marshal", late, now=NOW + 2 * HOUR)
    assert truth(store, "a").after_ours is True
    hear(store, "a", "tns", Told(key="tns", name="SN Ia"), now=NOW + 2 * HOUR)  # nobody knows since when
    assert truth(store, "a").after_ours is True


def test_our_own_report_is_no_truth(store: Store) -> None:
    hear(store, "a", "tns", Told(key="tns", name="SN Ia", derived=True))
    assert truth(store, "a") == "ours"
    hear(store, "a", "marshal", Told(key="1", name="Ib"))
    assert truth(store, "a").label == "SN Ibc"


def test_answers_stand_beside_their_truth(store: Store) -> None:
    file(store, "a", "1")
    file(store, "a", "2", NOW + HOUR)
    file(store, "b", "3")
    caveat = Caveat(code=CaveatCode.LOW_SNR, text="x")
    refused = Report.refusal(target_id="a", spectrum_id="4", caveats=[caveat], bundle="b", input_hash="h")
    file(store, "a", "4", said=refused)
    hear(store, "a", "marshal", Told(key="1", name="Ib", told_by="ann", told_at=NOW - HOUR))
    with store.begin(to_read=True) as unit:
        found = unit.truth.answered(NOW, NOW + 2 * HOUR)
        assert [one.spectrum_id for one in found] == ["1", "2"]
        one = found[0]
        assert (one.report.verdict.label, one.label, one.source, one.told_at) == (
            "SN Ia",
            "SN Ibc",
            "marshal",
            NOW - HOUR,
        )
        assert (one.instrument, one.observed_at, one.filed_at) == ("SEDM", "2026-06-09T05:00:00", NOW)
        assert [one.spectrum_id for one in unit.truth.answered(NOW, NOW + HOUR)] == ["1"]
        assert unit.truth.answered(NOW, NOW + 2 * HOUR, order=("tns",)) == []


def test_who_is_due_to_be_asked_about(store: Store) -> None:
    for name, at in (("a", NOW), ("b", NOW - 40 * HOUR), ("c", NOW)):
        file(store, name, name, at)
    with store.begin() as unit:
        unit.truth.asked("c", NOW)
        ask = {"filed_since": NOW - 50 * HOUR, "asked_before": NOW - HOUR, "most": 9}
        assert unit.truth.due(filed_before=NOW + HOUR, **ask) == ["a", "b"]
        assert unit.truth.due(filed_before=NOW, **ask) == ["b"]
        assert unit.truth.due(filed_before=NOW + HOUR, **{**ask, "most": 1}) == ["a"]
        unit.truth.asked("a", NOW)
        unit.truth.asked("c", NOW - 2 * HOUR)
        assert unit.truth.due(filed_before=NOW + HOUR, **ask) == ["b", "c"]


def test_vetters_say_change_their_minds_and_disagree(store: Store) -> None:
    def say(who: str, verdict: str, hours: int) -> bool:
        with store.begin() as unit:
            one = Vetted(
                spectrum_id="1", target_id="a", who=who, verdict=verdict, told_at=NOW + hours * HOUR, bundle="b@1"
            )
            return unit.verdicts.say(one)

    words = [("ann", "not"), ("ann", "not"), ("bob", "artefact"), ("ann", "artefact")]
    assert [say(*word, hours) for hours, word in enumerate(words)] == [True, False, True, True]
    with store.begin(to_read=True) as unit:
        assert [one.verdict for one in unit.verdicts.history("1")] == ["not", "artefact", "artefact"]
        last = unit.verdicts.last(["1", "2"])["1"]
        assert {who: one.verdict for who, one in last.items()} == {"ann": "artefact", "bob": "artefact"}
        assert agreed(last.values()) == "artefact"
        assert unit.verdicts.last(["2"]) == {}
    assert say("bob", "interesting", 3)
    with store.begin(to_read=True) as unit:
        assert agreed(unit.verdicts.last(["1"])["1"].values()) is None


def test_going_back_takes_truth_and_verdicts_and_nothing_else(store: Store) -> None:
    file(store, "a", "1")
    show(store, Place(kind="spectrum", id="1"), NOW + HOUR)
    show(store, Place(kind="source", id="a"), NOW + HOUR)
    show(store, Place(kind="source", id="z"), NOW + 2 * HOUR)
    migrate.downgrade(store.engine, "0019")
    tables = set(inspect(store.engine).get_table_names())
    migrate.downgrade(store.engine, "0017")
    gone = tables - set(inspect(store.engine).get_table_names())
    assert gone == {"truths", "truth_asked", "verdicts", "shown"}
    migrate.upgrade(store.engine)
    assert migrate.drift(store.engine) == []
    with store.begin(to_read=True) as unit:
        assert unit.truth.shown_since("a") == NOW  # its first report: it was not visible before
        assert unit.truth.shown_since("z") == NOW + 2 * HOUR
        assert unit.truth.given("a") == []
