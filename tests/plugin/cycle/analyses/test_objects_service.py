"""NEEDLE asked about an object: from the report, after the queue's work, or from what was sent."""

from dataclasses import replace
from datetime import timedelta

import pytest

from models.domain import Report, Status
from plugin.cycle.analyses.inputs import Inputs
from plugin.cycle.analyses.objects import SENT_ONLY, ObjectsService
from plugin.cycle.posting import Posting
from plugin.cycle.producer import Waits
from plugin.store import NEEDLE, Filed, object_of
from plugin.store.analyses import Analysis
from tests.fakes.objects import FakeObjectAnalyst

CURVE = [
    {"mjd": 61000.0 + n, "mag": 18.0, "magerr": 0.05, "filter": "ztfg", "magsys": "ab", "limiting_mag": 20.5}
    for n in range(5)
]


@pytest.fixture
def request_of(clock) -> Analysis:
    return Analysis(
        id="ab" * 16,
        service="needle",
        target_id="ZTF26a",
        inputs=Inputs(photometry=CURVE).plain(),
        received_at=clock(),
        invalid_after=clock() + timedelta(hours=1),
        ended=None,
    )


@pytest.fixture
def service(store, clock) -> ObjectsService:
    model = FakeObjectAnalyst({"ZTF26a": "TDE"})
    posting = Posting(group_ids=(6,))
    return ObjectsService(store=store, model=lambda: model, posting=posting, clock=clock, follows=True)


def report(verdict=None, reason=None) -> Report:
    status = Status.OK if verdict else Status.REFUSED
    return Report(target_id="ZTF26a", spectrum_id=None, status=status, reason=reason, host_verdict=verdict, bundle="n")


def file_report(store, clock, found: Report) -> None:
    with store.begin() as unit:
        (piece,) = unit.queue.claim("object", 9, clock())
        unit.queue.finish(piece, seen="61000.00000 1")
        unit.reports.put(
            Filed(
                subject=object_of("ZTF26a"),
                producer=NEEDLE,
                target_id="ZTF26a",
                version="61000.00000 1",
                report=found,
                filed_at=clock(),
            )
        )


def test_it_waits_for_the_queue_and_answers_from_its_report(service, store, clock, request_of):
    with pytest.raises(Waits, match="ZTF26a"):
        service.gather(request_of)
    with pytest.raises(Waits):
        service.gather(request_of)
    with store.begin() as unit:
        assert unit.queue.due("object", clock()) == 1
        assert unit.objects.watched(clock(), patience=timedelta(days=1)) == ["ZTF26a"]
    file_report(store, clock, report(FakeObjectAnalyst({"ZTF26a": "SN"})._verdict("ZTF26a")))
    said = service.say(request_of, service.gather(request_of))
    assert said.body["status"] == "success"
    assert said.body["message"] == "NEEDLE: SN (score 0.80)"  # the queue's answer, not another one
    assert said.body["analysis"]["annotations"][0]["origin"] == "NEEDLE-analysis"
    assert said.plots[0]["format"] == "png"


def test_a_refusal_of_the_queues_is_a_failure_with_its_reason(service, store, clock, request_of):
    with pytest.raises(Waits):
        service.gather(request_of)
    file_report(store, clock, report(reason="too faint"))
    said = service.say(request_of, service.gather(request_of))
    assert (said.body["status"], said.body["message"]) == ("failure", "NEEDLE: no class. too faint")
    assert not said.plots


def test_an_object_that_was_known_without_news_is_looked_at(service, store, clock, request_of):
    with store.begin() as unit:
        unit.objects.watch(["ZTF26a"], clock(), saved=True, seen="61000.00000")
    with pytest.raises(Waits):
        service.gather(request_of)
    with store.begin() as unit:
        (piece,) = unit.queue.claim("object", 9, clock())
    assert piece.seen == ""  # whatever its broker knows is news


def test_work_that_was_set_aside(service, store, clock, request_of):
    with pytest.raises(Waits):
        service.gather(request_of)
    with store.begin() as unit:
        (piece,) = unit.queue.claim("object", 9, clock())
        unit.queue.park(piece, "the broker refuses")
    body = service.say(request_of, service.gather(request_of)).body
    assert (body["status"], body["message"]) == ("failure", "NEEDLE: no class. the broker refuses")


def test_no_answer_in_time(service, store, clock, request_of):
    with pytest.raises(Waits):
        service.gather(request_of)
    late = replace(request_of, invalid_after=clock() + timedelta(seconds=30))
    assert "no answer in time" in service.say(late, service.gather(late)).body["message"]


def test_what_was_sent_where_alerts_are_not_followed(service, store, request_of):
    service.follows = False
    said = service.say(request_of, service.gather(request_of))
    assert said.body["message"] == f"NEEDLE: TDE (score 0.80); {SENT_ONLY}"
    assert said.body["analysis"]["results"]["data"]["n_g"] == 5
    nothing = replace(request_of, inputs={})
    said = service.say(nothing, service.gather(nothing))
    assert (said.body["status"], said.body["message"]) == ("failure", f"NEEDLE: no class. no light curve; {SENT_ONLY}")
