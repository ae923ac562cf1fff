"""The doctor: each check finds its own trouble and says what to do."""

import itertools
import json
import shutil

import pytest

from iris_client.marshal.skyportal import SkyPortal
from iris_client.protocols import Marshal, Place
from models.joined.stored import SHIPPED
from plugin.clock import utc_now
from plugin.cycle.spectra.tags import VOCABULARY
from plugin.ops.doctor import Check, examine
from plugin.sandbox import Sandbox
from plugin.sandbox.brokers.alerts import invented
from plugin.sandbox.brokers.lasair import ANNOTATOR, TOKEN, TOPIC
from plugin.sandbox.slack import SlackSandbox
from plugin.sandbox.tns.stand_in import TnsSandbox
from plugin.settings import ConfigError, Settings
from plugin.sources.marshal import make_marshal, make_source
from plugin.store import migrate, open_store


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox() as running:
        yield running


def without_waits(settings: Settings) -> SkyPortal:
    marshal = make_marshal(settings)
    marshal._transport._sleep = lambda _seconds: None
    return marshal


def unhurried(settings: Settings) -> Marshal:
    """The marshal in the way the settings say, without waits."""
    marshal = make_source(settings)
    marshal._spectra._transport._sleep = lambda _seconds: None
    return marshal


@pytest.fixture
def checks(sandbox, tmp_path):
    def run(client=without_waits, **values) -> dict[str, Check]:
        given = {
            "marshal_url": sandbox.url,
            "marshal_token": sandbox.token,
            "group_ids": (6,),
            "database_url": f"sqlite:///{tmp_path / 'astranet.sqlite'}",
            "output_dir": tmp_path / "output",
            "requests_per_second": 1e4,
        }
        return {check.name: check for check in examine(Settings(**{**given, **values}), client=client)}

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
        "spectra",
        "clock",
        "Analysis button",
        "alerts",
        "Lasair",
        "TNS",
    ]
    assert not sandbox.writes()
    assert sandbox.token not in repr(found)


def test_groups_have_names(checks):
    assert checks()["groups"].found == "6 (Sandbox Transients)"
    assert checks(group_ids=(6, 7, 99))["groups"].found == "not a member of 7 (Private Group), 99"


def test_the_taxonomy_is_looked_for_when_classifications_are_wanted(checks):
    assert "taxonomy" not in checks(taxonomy="Nope")
    assert "SLSN as Ic-SLSN" in checks(post_classification=True)["taxonomy"].found
    missing = checks(post_classification=True, taxonomy="Nope")
    assert failed(missing) == ["taxonomy"]
    assert missing["taxonomy"].found == "the marshal has no taxonomy 'Nope', only 'Sitewide Taxonomy'"


def test_a_taxonomy_without_a_class_is_told(checks, monkeypatch):
    names = {"Ia", "Ib/c", "Supernova", "Type II", "AGN"}
    monkeypatch.setattr(SkyPortal, "class_names", lambda _self: frozenset(names))
    assert checks(post_classification=True)["taxonomy"].found == "no name for CV, TDE"


def test_spectra_are_asked_for_as_in_every_cycle(checks, sandbox):
    assert checks()["spectra"].found == "REST, 0 in the last 2 days"
    name = sandbox.add_source("AT2026abc")
    number = sandbox.add_spectrum(name, wavelengths=[4000.0, 5000.0], fluxes=[1.0, 2.0])
    assert checks()["spectra"].found == "REST, 1 in the last 2 days; the newest one can be read"
    sandbox.delete_spectrum(number)


def test_an_endpoint_that_speaks_no_graphql_is_told(checks, sandbox):
    """A real SkyPortal has none: 405."""
    found = checks(client=unhurried, spectrum_source="graphql", graphql_url=f"{sandbox.url}/graphql")
    assert failed(found) == ["spectra"]
    assert "/graphql: HTTP 40" in found["spectra"].found
    assert "ASTRANET_GRAPHQL_URL" in found["spectra"].remedy


def test_an_endpoint_that_speaks_graphql_is_well(checks):
    with Sandbox(graphql=True) as speaking:
        given = {"marshal_url": speaking.url, "marshal_token": speaking.token}
        found = checks(client=unhurried, spectrum_source="graphql", graphql_url=f"{speaking.url}/graphql", **given)
        assert found["spectra"].ok
        speaking.add_spectrum(speaking.add_source("AT2026abc"), wavelengths=[4000.0, 5000.0], fluxes=[1.0, 2.0])
        found = checks(client=unhurried, spectrum_source="graphql", graphql_url=f"{speaking.url}/graphql", **given)
        assert found["spectra"].found.endswith("1 in the last 2 days; the newest one can be read")


def test_a_bot_without_a_stream_is_told(checks, sandbox):
    bot = sandbox.state.user_named("bot")
    bot.stream_ids = frozenset()
    try:
        found = checks(alert_source="marshal")
    finally:
        bot.stream_ids = frozenset({1})
    assert failed(found) == ["alerts"]
    assert "no stream of ZTF's alerts" in found["alerts"].found
    assert "ZTF_alerts" in found["alerts"].remedy
    assert "streams: ZTF Public" in checks(alert_source="marshal")["alerts"].found


def test_a_broker_without_an_alert_of_anything_that_is_watched_is_told(checks):
    with Sandbox() as own:
        given = {"marshal_url": own.url, "marshal_token": own.token, "alert_source": "marshal"}
        for n in range(2):
            own.add_source(f"ZTF26aaaaaa{n}")
        own.add_source("AT2026abc")
        found = checks(**given)["alerts"]
        assert found.ok
        assert found.found.endswith("; no alert of ZTF26aaaaaa0, ZTF26aaaaaa1")
        own.add_candidate(own.add_source("ZTF26aaaaaa2", group_ids=()))
        found = checks(**given)["alerts"]
        assert not found.ok
        assert "ZTF26aaaaaa2" in found.found
        assert "is it the right one?" in found.remedy
        own.add_alert(invented("ZTF26aaaaaa2", 5))
        assert checks(**given)["alerts"].found.endswith("; 3 objects tried")


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
        ({"group_ids": (6, 7)}, "groups", "(it is in: 2 (Sitewide Group), 3 (sandbox-bot), 6 (Sandbox Transients))"),
        ({"post_classification": True, "taxonomy": "Nope"}, "taxonomy", "ASTRANET_TAXONOMY"),
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

    monkeypatch.setattr("plugin.ops.doctor.marshal.utc_now", lambda: clock.utc_now() + timedelta(minutes=5))
    assert failed(checks()) == ["clock"]


def test_no_source_of_alerts_is_no_fault(checks):
    assert "NEEDLE says nothing" in checks()["alerts"].found
    assert "NEEDLE" not in checks()


def test_every_source_of_alerts_that_works(checks, sandbox, tmp_path):
    from plugin.sandbox.brokers.boom import PASSWORD, USERNAME

    boom = {"boom_url": f"{sandbox.url}/boom", "boom_username": USERNAME, "boom_password": PASSWORD}
    lasair = {"lasair_url": f"{sandbox.url}/lasair/api", "lasair_token": TOKEN, "lasair_topic": TOPIC}
    kinds = {"marshal": {}, "boom": boom, "avro": {"alert_dir": tmp_path}, "lasair": lasair}
    for kind, more in kinds.items():
        found = checks(alert_source=kind, **more)
        assert failed(found) == []
        assert found["alerts"].found.startswith(kind)
        assert found["NEEDLE"].found.startswith("needle-")
        assert PASSWORD not in repr(found)
        assert TOKEN not in repr(found)


def test_lasair_as_a_place_to_answer(checks, sandbox):
    assert "off" in checks()["Lasair"].found
    given = {"lasair_url": f"{sandbox.url}/lasair/api", "lasair_annotator": ANNOTATOR}
    assert "no NEEDLE" in checks(**given, lasair_token=TOKEN)["Lasair"].found
    good = checks(**given, lasair_token=TOKEN, alert_source="marshal")["Lasair"]
    assert (good.ok, "ASTRANET_DRY_RUN" in good.found) == (True, True)
    wrong = checks(**given, lasair_token="not-the-token-of-lasair", alert_source="marshal")
    assert failed(wrong) == ["Lasair"]
    assert "401" in wrong["Lasair"].found
    assert "not-the-token" not in repr(wrong)
    assert "LASAIR_TOKEN: needed" in checks(**given, alert_source="marshal")["Lasair"].remedy
    assert sandbox.lasair.written == []


@pytest.mark.parametrize(
    ("wrong", "name", "remedy"),
    [
        ({"alert_source": "marshal", "alert_broker": "ANOTHER"}, "alerts", "ASTRANET_ALERT_BROKER"),
        ({"alert_source": "boom"}, "alerts", "ASTRANET_BOOM_URL: needed because ASTRANET_ALERT_SOURCE is boom"),
        ({"alert_source": "lasair"}, "alerts", "ASTRANET_LASAIR_TOKEN: needed"),
        ({"alert_source": "lasair", "lasair_topic": "a", "lasair_filter": "b"}, "alerts", "one of them, not both"),
        ({"alert_source": "lasair", "lasair_kafka": "127.0.0.1:9"}, "alerts", "ASTRANET_LASAIR_TOPIC: needed"),
        ({"alert_source": "lasair", "watch_alerts": True}, "alerts", "needed with ASTRANET_WATCH_ALERTS"),
        (
            {"alert_source": "lasair", "lasair_topic": "a", "lasair_survey": "LSST"},
            "alerts",
            "gives topics over Kafka alone",
        ),
        ({"alert_source": "avro"}, "alerts", "ASTRANET_ALERT_DIR: needed"),
        ({"alert_source": "kafka"}, "alerts", "ASTRANET_KAFKA_SERVERS: needed"),
        ({"alert_source": "kafka", "kafka_servers": "127.0.0.1:9"}, "alerts", "ASTRANET_KAFKA_TOPICS: needed"),
        ({"alert_source": "marshal", "needle_folder": "/nowhere"}, "NEEDLE", "ASTRANET_NEEDLE_FOLDER"),
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


def test_tags(checks, sandbox):
    assert "tags" not in checks()
    found = checks(post_tags=True)
    assert failed(found) == ["tags"]
    assert "ASTRANetTDE" in found["tags"].found
    assert 'POST /api/objtagoption with {"name": "ASTRANetALERT"' in found["tags"].remedy
    sandbox.state.tag_options.update({n: {"id": n, "name": name} for n, name in enumerate(VOCABULARY, 1)})
    try:
        assert "not take away its own" in checks(post_tags=True)["tags"].found
        assert checks(post_tags=True, marshal_token=sandbox.tokens["admin"])["tags"].ok
    finally:
        sandbox.state.tag_options.clear()


def test_web_hook(checks, tmp_path, sandbox):
    assert "web hook" not in checks()
    with SlackSandbox() as slack:
        found = checks(slack_webhook=slack.hook_url)
        assert failed(found) == []
        assert slack.messages == []
        slack.state = "revoked"
        gone = checks(slack_webhook=slack.hook_url)
        assert failed(gone) == ["web hook"]
        assert "no_service" in gone["web hook"].found
        assert slack.hook_url not in repr(gone)
        slack.state = "there"
        with (
            open_store(f"sqlite:///{tmp_path / 'astranet.sqlite'}", marshal=sandbox.url) as store,
            store.begin() as unit,
        ):
            place = Place(kind="spectrum", id="1")
            unit.outbox.enqueue(place, kind="message", origin="o", body={}, group_ids=(6,), now=utc_now())
            unit.outbox.park(unit.outbox.claim(utc_now(), kinds=("message",)), "web hook: HTTP 404: no_service")
        assert "1 messages parked: web hook: HTTP 404" in checks(slack_webhook=slack.hook_url)["web hook"].found


def test_sets_that_the_bundle_cannot_serve_are_named_before_the_start(checks, monkeypatch):
    from dataclasses import replace

    from models.bundle import load
    from plugin.parts import make_analyst

    bare = replace(load(), sentinel=None)
    monkeypatch.setattr("models.bundle.load", lambda *_args, **_more: bare)
    check = checks(sets="aps")["bundle"]
    assert not check.ok
    assert "keeps no probabilities of its calibration spectra" in check.found
    assert "ASTRANET_SETS=lac" in check.remedy
    with pytest.raises(ConfigError, match="ASTRANET_SETS=aps"):
        make_analyst(Settings(sets="aps"))
    assert make_analyst(Settings()).bundle_id == bare.bundle_id


def test_a_bundle_that_nothing_joins_with_its_sources_is_told(checks, tmp_path):
    assert "joined answer" not in checks()
    other = shutil.copytree(SHIPPED, tmp_path / "joined")
    card = json.loads((other / "card.json").read_text())
    (other / "card.json").write_text(json.dumps({**card, "bundle": "compact-1@00000000"}))
    check = checks(joined_folder=other)["joined answer"]
    assert (check.ok, "compact-1@00000000" in check.found) == (False, True)
    assert "joined answer" not in checks(joined_folder=other, joined="off")
    (other / "card.json").write_text("{")
    assert not checks(joined_folder=other)["joined answer"].ok
