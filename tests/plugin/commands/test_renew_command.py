"""`astranet renew`: what it would do, what it does, and that twice is not twice."""

import re

from tests.fakes.analyst import FakeAnalyst
from tests.fakes.marshal import good
from tests.plugin.commands.test_service_commands import service as service

OTHER = "other-1@00000001"


def test_older_answers_are_shown_then_renewed_and_once(service, monkeypatch):
    service.marshal.add(good("1", "ZTF26a"), good("2", "ZTF26b"))
    assert service("once")[0] == 0
    code, text = service("renew")  # the shipped bundle answers by the settings, and the fake one has answered
    assert code == 0, text
    assert "2 by fake-1@00000000" in text
    assert "nothing is changed" in text
    assert service("renew")[1] == text  # a look changes nothing
    assert "put into the queue: 2" in service("renew", "--yes", "--per-hour", "3600")[1]
    assert "put into the queue: 0" in service("renew", "--yes", "--per-hour", "3600")[1]
    monkeypatch.setattr("plugin.app.make_analyst", lambda _settings: FakeAnalyst(OTHER))
    assert service("once")[0] == 0
    # The newest has its turn at once, the other a second later.
    told = service("show", "ZTF26b")[1]
    assert re.search(r"bundle other-1@00000001 replaced fake-1@00000000", told), told
