"""No secret goes over the wire unencrypted without somebody having said that it may."""

import pytest

from plugin.settings import Settings
from plugin.sources.clear_text import is_loopback, sent_in_clear

SECRET = "5ec9e7aa-0000-4000-8000-00000000feed"
MARSHAL = {"marshal_token": SECRET}


def named(**values: object) -> list[str]:
    return [found.partition(":")[0] for found in sent_in_clear(Settings(**values))]


@pytest.mark.parametrize(
    ("url", "clear"),
    [
        ("https://fritz.example", False),
        ("http://fritz.example", True),
        ("HTTP://FRITZ.example:5000", True),
        ("http://10.0.0.5:5000", True),
        ("http://localhost.evil.example", True),
        ("http://127.0.0.1.evil.example", True),
        ("http://localhost:5000", False),
        ("http://127.3.2.1:5000", False),
        ("http://[::1]:5000", False),
    ],
)
def test_a_token_goes_over_https_or_stays_on_this_machine(url: str, clear: bool) -> None:
    assert named(marshal_url=url, **MARSHAL) == ["ASTRANET_MARSHAL_URL"] * clear


def test_every_address_with_a_secret_is_looked_at_and_none_is_shown() -> None:
    values = {
        **MARSHAL, "marshal_url": "http://a.example", "graphql_url": "http://b.example/graphql",
        "boom_url": "http://c.example", "boom_password": "hunter2", "tns_url": "http://d.example", "tns_api_key": "k3y",
        "analysis_url": "http://f.example:8765", "analysis_secret": "shared-secret-0123",
        "kafka_servers": "127.0.0.1:9092,e.example:9092", "kafka_password": "pa55",
    }  # fmt: skip
    found = list(sent_in_clear(Settings(**values)))
    assert [line.partition(":")[0].removeprefix("ASTRANET_") for line in found] == [
        "MARSHAL_URL", "GRAPHQL_URL", "BOOM_URL", "TNS_URL", "ANALYSIS_URL", "KAFKA_PROTOCOL",
    ]  # fmt: skip
    assert not any(secret in "".join(found) for secret in (SECRET, "hunter2", "k3y", "pa55", "shared-secret"))
    assert named(**values, clear_text_hosts="a.example, B.example,c.example,d.example,e.example,f.example") == []


def test_without_a_secret_nothing_is_sent() -> None:
    assert named(marshal_url="http://a.example", boom_url="http://b.example") == []


@pytest.mark.parametrize("host", ["", "127.0.0.1.x", "0.0.0.0", "::", "10.0.0.1", "localhost.localdomain.x"])
def test_what_is_not_this_machine(host: str) -> None:
    assert not is_loopback(host)
