"""A further model is one producer: the loop, the queue, the reports and delivery are there already."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest

from iris_client.errors import BadPayload, NotFound, Unavailable
from iris_client.protocols import Place
from models.domain import Report, Status
from plugin.cycle.analyse import Analysing
from plugin.cycle.posting import Post
from plugin.cycle.producer import Draft, Waits
from plugin.store import NEEDLE, Filed, Store, object_of

NOW = datetime(2026, 6, 10, 12)


@dataclass
class Third:
    """Answers about objects by the length of their names."""

    trouble: dict[str, Exception] = field(default_factory=dict)
    asked: list[int] = field(default_factory=list)
    name: str = "THIRD"
    kind: str = "object"
    tries: int = 2

    def fetch(self, piece, targets) -> str | None:
        if piece.subject.id in self.trouble:
            raise self.trouble[piece.subject.id]
        return None if piece.seen == "old" else piece.subject.id

    def answer(self, known) -> list[int]:
        self.asked.append(len(known))
        if "broken" in known:
            raise FloatingPointError("NaN")
        return [len(one) for one in known]

    def draft(self, piece, known, answer) -> Draft:
        report = Report(target_id=known, spectrum_id=None, status=Status.OK, bundle=f"third-{answer}")
        filed = Filed(
            subject=piece.subject, producer=self.name, target_id=known, version="1", report=report, filed_at=NOW
        )
        return Draft(filed=filed, seen="1")

    def file(self, unit, piece, draft) -> list[Post]:
        unit.reports.put(draft.filed)
        body: dict[str, Any] = {"model": draft.filed.report.bundle}
        return [Post(place=Place(kind="source", id=piece.target_id), origin=self.name, body=body, group_ids=(6,))]

    def withdraw(self, unit, subject, target_id) -> list[Post]:
        return [Post(place=Place(kind="source", id=target_id), origin=self.name, body=None, group_ids=())]


def queued(store, *names: str, seen: str = "") -> None:
    with store.begin() as unit:
        unit.objects.watch(names, NOW, saved=True, seen=seen)
        unit.objects.ask(names, NOW)


def looping(store, third: Third, **more: Any) -> Analysing:
    return Analysing(producer=third, store=store, clock=lambda: NOW, **more)


def states(store) -> dict[str, str]:
    with store.begin() as unit:
        watched = unit.objects.watched(NOW, patience=timedelta(days=1))
        return {name: unit.queue.of(name)[0].state for name in watched}


def test_what_it_answers_is_filed_under_its_name_and_queued_for_delivery(store):
    queued(store, "a", "bcd")
    third = Third()
    assert looping(store, third).run() == {"ok": 2}
    assert third.asked == [2]
    with store.begin() as unit:
        assert [f.report.bundle for f in unit.reports.every("THIRD")] == ["third-1", "third-3"]
        assert unit.reports.every(NEEDLE) == []
        posts = unit.outbox.at([Place(kind="source", id="a")])
        assert [(p.origin, p.body) for p in posts] == [("THIRD", {"model": "third-1"})]
    assert looping(store, third).run() == {}


def test_one_that_breaks_the_model_is_asked_by_itself_and_parked(store):
    queued(store, "a", "broken", "c")
    third = Third()
    assert looping(store, third).run() == {"ok": 2, "parked": 1}
    assert third.asked == [3, 1, 1, 1]
    assert states(store) == {"a": "done", "broken": "parked", "c": "done"}
    with store.begin() as unit:
        assert unit.queue.parked()[0].reason == "the models failed: FloatingPointError: NaN"


@pytest.mark.parametrize(
    ("error", "outcome", "state"),
    [
        (Unavailable("502"), "later", "new"),
        (BadPayload("html"), "later", "new"),
        (KeyError("id"), "parked", "parked"),
    ],
)
def test_one_that_cannot_be_read_stops_no_other(store, error, outcome, state):
    queued(store, "a", "b", "c")
    assert looping(store, Third({"b": error}), batch_size=1).run() == Counter({"ok": 2, outcome: 1})
    assert states(store) == {"a": "done", "b": state, "c": "done"}


def test_what_it_refuses_for_ever_is_tried_so_often_as_the_producer_says(store):
    queued(store, "b")
    third = Third({"b": BadPayload("html")})
    assert looping(store, third).run() == {"later": 1}
    with store.begin() as unit:
        unit.objects.ask(["b"], NOW)
        (piece,) = unit.queue.of("b")
    assert piece.attempts == 1
    late = Analysing(producer=third, store=store, clock=lambda: NOW + timedelta(hours=2))
    assert late.run() == {"parked": 1}


def test_no_news_is_no_answer_and_what_is_gone_is_taken_back(store):
    queued(store, "a")
    looping(store, Third()).run()
    queued(store, "b", seen="old")
    with store.begin() as unit:
        unit.objects.ask(["a"], NOW)
    assert looping(store, Third({"a": NotFound("gone")})).run() == {"gone": 1, "same": 1}
    with store.begin() as unit:
        assert unit.reports.of(object_of("a"), "THIRD") is None
        assert unit.queue.of("a")[0].state == "gone"
        (post,) = unit.outbox.at([Place(kind="source", id="a")])
    assert (post.body, post.state) == (None, "retracted")


def test_so_many_in_one_cycle_and_the_rest_waits(store):
    queued(store, *"abcde")
    assert looping(store, Third(), batch_size=1, most=3).run() == {"ok": 3, "waiting": 2}
    assert looping(store, Third(), batch_size=1, most=3).run() == {"ok": 2}


@pytest.mark.parametrize(
    "end",
    [None, NotFound("gone"), Unavailable("504"), BadPayload("odd"), Waits("another first"), RuntimeError("broken")],
    ids=lambda end: type(end).__name__,
)
def test_however_a_piece_ends_one_that_was_taken_over_is_left_to_the_other(store, end):
    """Its claim is lost while it is worked on: nothing is filed, and the loop goes on with the others."""
    queued(store, "a", "b")
    slow, quick = (Store(store.engine, store.marshal, lease=timedelta(0)) for _ in range(2))

    class Overtaken(Third):
        def fetch(self, piece, targets) -> str | None:
            quick.recover()
            if end is not None:
                raise end
            return piece.subject.id

    assert looping(slow, Overtaken(tries=1), most=1).run()["later"] == 2
    assert set(states(store).values()) == {"new"}
    with store.begin() as unit:
        assert unit.reports.every("THIRD") == []
