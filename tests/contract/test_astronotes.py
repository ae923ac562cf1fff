"""The listing of AstroNotes: read from the stand-in, whatever it holds, and kept."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from iris_client.errors import BadPayload
from iris_client.tns.astronotes import NotedObject, read_notes, recent_notes
from iris_client.tns.budget import Budget
from iris_client.tns.client import Tns
from plugin.sandbox.tns.stand_in import TnsSandbox
from plugin.store import open_store
from plugin.tns.others import EVERY, update_others
from tests.fakes.tns import Seconds

NOW = datetime(2026, 11, 21, 9, 30)


def listed(number: int, *objects: dict[str, Any], **more: Any) -> dict[str, Any]:
    given = {"astronote": f"2026-{number}", "title": f"Note {number}", "authors": "A. Bee (Institute)"}
    shown = {"source_group": "ZTF", "type": "Object/s-Discovery/Classification", "keywords": ["Transient"]}
    return {**given, **shown, "public_timestamp": "2026-11-20 10:00:00", "related_objects": list(objects), **more}


@pytest.fixture
def sandbox() -> Iterator[TnsSandbox]:
    seconds = Seconds()
    with TnsSandbox(limit=10, clock=seconds) as made:
        made.seconds = seconds
        yield made


@pytest.fixture
def tns(sandbox: TnsSandbox) -> Iterator[Tns]:
    budget = Budget(clock=sandbox.seconds, sleep=sandbox.seconds.sleep)
    number, name = sandbox.bot
    with Tns(sandbox.url, bot_id=number, bot_name=name, api_key=sandbox.api_key, budget=budget) as made:
        yield made


def test_every_page_is_read_within_the_budget_and_without_the_key(sandbox: TnsSandbox, tns: Tns) -> None:
    sandbox.astronotes = [listed(n, {"iauname": f"2026a{n}"}) for n in range(120)]
    found = list(recent_notes(tns, 7))
    assert [note.number for note in found] == [f"2026-{n}" for n in range(120)]
    assert found[3].objects == (NotedObject(name="2026a3"),)
    assert (found[0].type, found[0].source_group) == ("Object/s-Discovery/Classification", "ZTF")
    assert [(path, status) for path, status in sandbox.requests] == [("/astronotes", 200)] * 3
    for _ in range(9):
        list(recent_notes(tns, 7))
    assert {record.status for record in sandbox.seen} == {200}  # none was one too many
    assert sandbox.seconds.slept > 60


def test_whatever_a_listing_holds_is_read_or_refused() -> None:
    odd = [
        listed(1, {"iauname": "SN 2026abc", "alt_name": "[ZTF26a]", "radeg": "10.5", "decdeg": "-3", "ra": "00:42:00"}),
        listed(2, {"iauname": None, "radeg": 400, "decdeg": 1}, "no object", {"radeg": "nan", "decdeg": "1"}),
        listed(3, related_objects={"7": {"iauname": "2026x"}}),
        listed(4, related_objects=None, title=None, authors=["x"]),
        {"astronote": "TNS AstroNote 2026-5"},
        {"astronote": "none"},
        "text",
    ]
    found = {note.number: note for note in read_notes({str(i): one for i, one in enumerate(odd)})}
    assert list(found) == ["2026-1", "2026-2", "2026-3", "2026-4", "2026-5"]
    assert found["2026-1"].objects == (NotedObject(name="2026abc", alt_name="ZTF26a", ra_deg=10.5, dec_deg=-3.0),)
    assert found["2026-2"].objects == (NotedObject(), NotedObject())
    assert found["2026-3"].objects == (NotedObject(name="2026x"),)
    assert (found["2026-4"].title, found["2026-4"].objects) == ("", ())
    assert list(read_notes([])) == list(read_notes({})) == []
    for wrong in ("text", 7, None, {"error": {"code": 1}}, ["x"]):
        with pytest.raises(BadPayload):
            list(read_notes(wrong))


def test_they_are_read_every_some_hours_and_trouble_waits(sandbox: TnsSandbox, tns: Tns, tmp_path: Path) -> None:
    sandbox.astronotes = [listed(1, {"iauname": "2026abc"})]
    with open_store(f"sqlite:///{tmp_path / 'a.sqlite'}", marshal="m") as store:
        assert update_others(tns, store, NOW) == 1
        assert update_others(tns, store, NOW + EVERY / 2) == 0
        assert len(sandbox.requests) == 1
        sandbox.maintenance = "200"
        assert update_others(tns, store, NOW + EVERY) == 0
        sandbox.maintenance = None
        sandbox.astronotes.insert(0, listed(2))
        assert update_others(tns, store, NOW + EVERY + timedelta(minutes=5)) == 0  # not at once again
        assert len(sandbox.requests) == 2
        assert update_others(tns, store, NOW + EVERY + timedelta(hours=1)) == 1
        with store.begin(to_read=True) as unit:
            assert unit.others_notes.count(tns.url) == 2
