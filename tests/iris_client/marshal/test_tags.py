"""Tags on sources, against the sandbox: which there are, whose they are, and what a token may not take away."""

import pytest

from iris_client.errors import NotFound, Refused
from iris_client.http.pacer import Pacer
from iris_client.marshal.skyportal import SkyPortal
from iris_client.protocols import Tagging
from plugin.sandbox import Sandbox

OURS = ("ASTRANetALERT", "ASTRANetTDE")


@pytest.fixture
def sandbox():
    with Sandbox() as running:
        running.add_source("ZTF26a")
        yield running


def client(sandbox: Sandbox, who: str = "bot") -> SkyPortal:
    return SkyPortal(sandbox.url, sandbox.tokens[who], pacer=Pacer(1e5, 1000), sleep=lambda _s: None)


def options(sandbox: Sandbox, *names: str) -> None:
    with client(sandbox, "admin") as admin:
        for name in names:
            admin._transport.post("/api/objtagoption", {"name": name, "color": "#ff0000"})


def hanging(sandbox: Sandbox) -> dict[str, str]:
    """Names of tags with their author."""
    names = {number: option["name"] for number, option in sandbox.state.tag_options.items()}
    return {names[t.option_id]: sandbox.state.users[t.author_id].username for t in sandbox.state.tags.values()}


def tag(marshal: SkyPortal, *names: str) -> None:
    marshal.set_tags("ZTF26a", names=names, vocabulary=OURS, group_ids=[6])


def test_a_tag_is_attached_once(sandbox) -> None:
    options(sandbox, *OURS)
    with client(sandbox) as marshal:
        assert isinstance(marshal, Tagging)
        assert set(marshal.tag_options()) == set(OURS)
        tag(marshal, "ASTRANetALERT")
        tag(marshal, "ASTRANetALERT")
    assert hanging(sandbox) == {"ASTRANetALERT": "sandbox-bot"}
    assert [t.group_ids for t in sandbox.state.tags.values()] == [{6}]
    assert len([r for r in sandbox.writes() if r.path == "/api/objtag"]) == 1


def test_an_option_that_is_missing_is_named_and_found_when_made(sandbox) -> None:
    options(sandbox, "ASTRANetTDE")
    with client(sandbox) as marshal:
        with pytest.raises(Refused, match="no tag option ASTRANetALERT"):
            tag(marshal, "ASTRANetALERT")
        options(sandbox, "ASTRANetALERT")
        tag(marshal, "ASTRANetALERT")
    assert set(hanging(sandbox)) == {"ASTRANetALERT"}


def test_with_the_right_a_tag_that_does_not_hold_any_more_is_taken_away(sandbox) -> None:
    options(sandbox, *OURS, "person")
    with client(sandbox, "admin") as marshal:
        tag(marshal, "ASTRANetALERT")
        marshal.set_tags("ZTF26a", names=["person"], vocabulary=["person"], group_ids=[6])
        tag(marshal, "ASTRANetTDE")
        assert set(hanging(sandbox)) == {"ASTRANetTDE", "person"}
        tag(marshal)
    assert set(hanging(sandbox)) == {"person"}


def test_without_the_right_it_stays_and_the_reason_is_told(sandbox) -> None:
    options(sandbox, *OURS)
    with client(sandbox) as marshal:
        tag(marshal, "ASTRANetALERT")
        with pytest.raises(Refused, match="only a token with Manage sources") as caught:
            tag(marshal)
    assert sandbox.token not in str(caught.value)
    assert set(hanging(sandbox)) == {"ASTRANetALERT"}


def test_a_persons_tag_of_our_name_is_not_ours(sandbox) -> None:
    options(sandbox, *OURS)
    with client(sandbox, "admin") as person:
        tag(person, "ASTRANetALERT")
    with client(sandbox) as marshal:
        tag(marshal, "ASTRANetALERT")  # a harmless success, and nothing of ours
        tag(marshal)
    assert hanging(sandbox) == {"ASTRANetALERT": "provisioned-admin"}


def test_without_groups_or_with_an_odd_name_nothing_is_asked(sandbox) -> None:
    with client(sandbox) as marshal:
        with pytest.raises(Refused, match="group ids"):
            marshal.set_tags("ZTF26a", names=OURS, vocabulary=OURS, group_ids=())
        with pytest.raises(NotFound):
            marshal.set_tags("../admin", names=OURS, vocabulary=OURS, group_ids=[6])
    assert not sandbox.writes()
