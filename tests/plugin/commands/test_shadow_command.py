"""`astranet shadow report` and `astranet replay`, after a cycle of the service."""

import json

from plugin.clock import utc_now
from plugin.notes.night import Night
from tests.fakes.analyst import FakeAnalyst
from tests.fakes.marshal import good
from tests.plugin.commands.test_service_commands import service as service
from tests.plugin.cycle.test_shadow import OtherAnalyst


def test_the_shadow_is_filed_and_told_of(service, monkeypatch, tmp_path):
    monkeypatch.setenv("ASTRANET_SHADOW_BUNDLE", str(tmp_path))
    monkeypatch.setattr("plugin.parts.make_shadow", lambda settings: OtherAnalyst("other-1@00000001"))
    service.marshal.add(good("1", "ZTF26a"), good("2", "ZTF26b"))
    assert service("once")[0] == 0
    code, text = service("shadow", "report")
    assert code == 0
    assert "2 spectra of 2 objects were answered by fake-1@00000000 and by the shadow other-1@00000001" in text
    assert "what would change: class 1" in text
    assert "ZTF26b, spectrum 2: SN Ibc" in text
    told = json.loads(service("shadow", "report", "--json")[1])
    assert (told["spectra"], told["differing"]["class"], told["judged"]) == (2, 1, 0)
    assert {a["bundle"] for a in service.marshal.posted.values() if "bundle" in a} == {"fake-1@00000000"}


def test_a_night_again(service, monkeypatch):
    service.marshal.add(good("1", "ZTF26a"), good("2", "ZTF26b"))
    assert service("once")[0] == 0
    posted = service.marshal.posted
    monkeypatch.setattr("plugin.sources.marshal.make_source", lambda *_, **__: service.marshal)
    monkeypatch.setattr("plugin.parts.make_analyst", lambda _settings: FakeAnalyst())
    night = str(Night.of(utc_now()))
    code, text = service("replay", "--night", night)
    assert code == 0, text
    assert "2 spectra; 0 would be posted otherwise today" in text
    monkeypatch.setattr("plugin.parts.make_analyst", lambda _settings: OtherAnalyst("other-1@00000001"))
    code, text = service("replay", "--night", night)
    assert "2 would be posted otherwise today" in text
    assert "bundle: fake-1@00000000 -> other-1@00000001" in text
    rows = [
        json.loads(line) for line in service("replay", "--night", night, "--json")[1].splitlines() if line[:1] == "{"
    ]
    assert {row["spectrum"] for row in rows} == {"1", "2"}
    assert service.marshal.posted == posted
    assert service("replay", "--night", "yesterday")[0] == 2
