"""The doctor: each check finds its own trouble and says what to do."""

import itertools

import pytest

from iris_client.marshal.skyportal import SkyPortal
from plugin.ops.doctor import Check, examine
from plugin.sandbox import Sandbox
from plugin.sandbox.tns.stand_in import TnsSandbox
from plugin.settings import Settings
from plugin.sources.marshal import make_marshal
from plugin.store import migrate, open_store


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox() as running:
        yield running


def without_waits(settings: Settings) -> SkyPortal:
    marshal = make_marshal(settings)
    marshal._transport._sleep = lambda _seconds: None
    return marshal


@pytest.fixture
def checks(sandbox, tmp_path):
    def run(**values) -> dict[str, Check]:
        given = {
            "marshal_url": sandbox.url,
            "marshal_token": sandbox.token,
            "group_ids": (6,),
            "database_url": f"sqlite:///{tmp_path / 'astranet.sqlite'}",
            "output_dir": tmp_path / "output",
            "requests_per_second": 1e4,
        }
        return {check.name: check for check in examine(Settings(**{**given, **values}), client=without_waits)}

    return run


def failed(found: dict[str, Check]) -> list[str]:
    assert all(check.remedy for check in found.values() if not check.ok)
    return [name for name, check in found.items() if not check.ok]


def test_all_is_well(checks, sandbox):
    found = checks()
    assert failed(found) == []
    assert list(found) == [
        "settings",
        "bundle",
        "database",
        "output folder",
        "marshal",
        "token rights",
        "groups",
        "clock",
        "alerts",
        "TNS",
    ]
    assert not sandbox.writes()
    assert sandbox.token not in repr(found)


def test_existing_database(checks, tmp_path):
    open_store(f"sqlite:///{tmp_path / 'astranet.sqlite'}", marshal="m").close()
    assert f"schema {migrate.head()}" in checks()["database"].found


@pytest.mark.parametrize(
    ("wrong", "name", "remedy"),
    [
        ({"database_url": "sqlite:////proc/nowhere/x.sqlite"}, "database", "ASTRANET_DATABASE_URL"),
        ({"database_url": "mysql://x"}, "database", "ASTRANET_DATABASE_URL"),
        ({"output_dir": "/proc/nowhere"}, "output folder", "ASTRANET_OUTPUT_DIR"),
        ({"marshal_url": "http://127.0.0.1:9"}, "marshal", "ASTRANET_MARSHAL_URL"),
        ({"marshal_token": "5ec9e7aa-0000-4000-8000-00000000feed"}, "marshal", "ASTRANET_MARSHAL_TOKEN"),
        ({"marshal_token": None}, "marshal", "ASTRANET_MARSHAL_TOKEN: not set"),
        ({"marshal_token": "two words"}, "marshal", "no header can carry"),
        ({"group_ids": (6, 7)}, "groups", "ASTRANET_GROUP_IDS (it is in: 2, 3, 6)"),
    ],
)
def test_one_thing_wrong(checks, wrong, name, remedy):
    found = checks(**wrong)
    assert name in failed(found)
    assert remedy in found[name].remedy


def test_broken_bundle(checks, tmp_path):
    assert "ASTRANET_BUNDLE" in checks(bundle=tmp_path)["bundle"].remedy


def test_token_without_rights(checks, sandbox):
    found = checks(marshal_token=sandbox.tokens["readonly"], post_classification=True)
    assert failed(found) == ["token rights"]
    assert found["token rights"].found == "missing: Annotate, Classify, Comment"


def test_wrong_clock(checks, monkeypatch):
    from datetime import timedelta

    from plugin import clock

    monkeypatch.setattr("plugin.ops.doctor.utc_now", lambda: clock.utc_now() + timedelta(minutes=5))
    assert failed(checks()) == ["clock"]


def test_no_source_of_alerts_is_no_fault(checks):
    assert "NEEDLE says nothing" in checks()["alerts"].found
    assert "NEEDLE" not in checks()


def test_every_source_of_alerts_that_works(checks, sandbox, tmp_path):
    from plugin.sandbox.brokers.boom import PASSWORD, USERNAME

    boom = {"boom_url": f"{sandbox.url}/boom", "boom_username": USERNAME, "boom_password": PASSWORD}
    for kind, more in {"marshal": {}, "boom": boom, "avro": {"alert_dir": tmp_path}}.items():
        found = checks(alert_source=kind, **more)
        assert failed(found) == []
        assert found["alerts"].found.startswith(kind)
        assert found["NEEDLE"].found.startswith("needle-")
        assert PASSWORD not in repr(found)


@pytest.mark.parametrize(
    ("wrong", "name", "remedy"),
    [
        ({"alert_source": "marshal", "alert_broker": "ANOTHER"}, "alerts", "ASTRANET_ALERT_BROKER"),
        ({"alert_source": "boom"}, "alerts", "ASTRANET_BOOM_URL: needed because ASTRANET_ALERT_SOURCE is boom"),
        ({"alert_source": "avro"}, "alerts", "ASTRANET_ALERT_DIR: needed"),
        ({"alert_source": "kafka"}, "alerts", "ASTRANET_KAFKA_SERVERS: needed"),
        ({"alert_source": "kafka", "kafka_servers": "127.0.0.1:9"}, "alerts", "ASTRANET_KAFKA_TOPICS: needed"),
        ({"alert_source": "marshal", "needle_model": "/nowhere"}, "NEEDLE", "ASTRANET_NEEDLE_MODEL"),
        ({"alert_source": "marshal", "alpha": 0.01}, "NEEDLE", "0.01 is none of NEEDLE's"),
    ],
)
def test_what_is_wrong_with_alerts_is_named(checks, wrong, name, remedy):
    found = checks(**wrong)
    assert name in failed(found)
    assert remedy in found[name].remedy


def test_a_wrong_password_of_boom_is_told_and_not_shown(checks, sandbox):
    found = checks(
        alert_source="boom", boom_url=f"{sandbox.url}/boom", boom_username="sandbox", boom_password="not-the-password"
    )
    assert failed(found) == ["alerts"]
    assert "401" in found["alerts"].found
    assert "not-the-password" not in repr(found)


def test_a_folder_that_is_not_there_is_named(checks, tmp_path):
    found = checks(alert_source="avro", alert_dir=tmp_path / "none")
    assert "there is no folder" in found["alerts"].remedy


def test_the_tns_is_set_up_or_off_and_is_not_asked(checks, tmp_path):
    assert "off" in checks()["TNS"].found
    assert failed(checks(tns_api_key="not-to-be-shown")) == ["TNS"]
    with TnsSandbox() as tns:
        given = {"tns_url": tns.url, "tns_api_key": tns.api_key, "tns_bot_id": tns.bot[0], "tns_bot_name": tns.bot[1]}
        found = checks(**given)["TNS"]
        assert found.ok
        assert "no mirror yet" in found.found
        assert tns.requests == []
        assert tns.api_key not in found.found


def test_a_token_sent_without_encryption_is_told_before_anything_is_asked():
    settings = Settings(marshal_url="http://marshal.example", marshal_token="5ec9e7aa", group_ids=(6,))
    found = itertools.islice(examine(settings), 2)
    assert [(check.name, check.ok) for check in found] == [("settings", True), ("encryption", False)]
