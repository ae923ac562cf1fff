"""The commands: exit codes, and what they print."""

import re

import numpy as np
import pytest
from typer.testing import CliRunner

from iris_client.errors import BadPayload
from models.domain.looked import Looked
from plugin.cli import app as astranet
from plugin.store import migrate, open_store
from tests.fakes.analyst import FakeAnalyst
from tests.fakes.marshal import FakeMarshal, bad, good

URL = "http://marshal.test"


@pytest.fixture
def service(monkeypatch, tmp_path):
    """The command line with settings in the environment, a fake marshal and fake models."""
    marshal = FakeMarshal()
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ASTRANET_DATA_DIR", raising=False)
    variables = {
        "MARSHAL_URL": URL,
        "CLEAR_TEXT_HOSTS": "marshal.test",
        "MARSHAL_TOKEN": "5ec9e7aa-0000-4000-8000-00000000feed",
        "GROUP_IDS": "6",
        "DATABASE_URL": f"sqlite:///{tmp_path / 'astranet.sqlite'}",
        "BACKFILL_DAYS": "10000",
        "OUTPUT_DIR": str(tmp_path),
        "DRY_RUN": "false",
    }
    for name, text in variables.items():
        monkeypatch.setenv(f"ASTRANET_{name}", text)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr("plugin.sources.marshal.make_marshal", lambda *_: marshal)
    monkeypatch.setattr("plugin.app.make_analyst", lambda _settings: FakeAnalyst())
    monkeypatch.setattr("plugin.ops.schedule.stop_on_signals", lambda *_: None)
    monkeypatch.setattr("plugin.ops.logs.configure", lambda **_: None)

    def invoke(*arguments: str):
        result = CliRunner().invoke(astranet, list(arguments))
        return result.exit_code, result.output

    invoke.marshal = marshal
    return invoke


class LookingAnalyst(FakeAnalyst):
    def looked(self, spectrum, label, redshift):
        assert (label, redshift) == ("SN Ia", None)
        at = np.arange(4000.0, 8900.0, 50.0)
        return Looked(label=0, wavelength_A=at, change=np.where(at == 6150.0, 2.0, 0.0), log_odds=1.0)


def test_why_and_the_picture_as_a_file(service, tmp_path, monkeypatch):
    service.marshal.add(good("1", "ZTF26a"), bad("2", "ZTF26b"))
    assert service("once")[0] == 0
    monkeypatch.setattr("plugin.ops.why.make_analyst", lambda _settings: LookingAnalyst())
    code, text = service("show", "ZTF26a", "--why", "--picture", "one.svg")
    assert code == 0, text
    assert re.search(r"6050-6250 .*\+2\.00", text)
    assert "no proof that the class is right" in text
    drawn = (tmp_path / "one.svg").read_text()
    assert drawn.count("<svg ") == 3  # the spectrum, and where the networks looked
    assert service("show", "2", "--why")[0] == 2  # it has no class
    assert service("show", "--parked", "--why")[0] == 2
    monkeypatch.setattr("plugin.ops.why.make_analyst", lambda _settings: FakeAnalyst())
    code, text = service("show", "1", "--why")
    assert code != 0
    assert "cannot say where it looked" in text


def test_once_then_show(service):
    service.marshal.add(good("1", "ZTF26a"), bad("2", "ZTF26b"))
    assert service("once")[0] == 0
    code, text = service("show", "ZTF26a")
    assert code == 0
    assert re.search(r"spectrum 1 of ZTF26a", text)
    assert re.search(r"SN Ia.*0\.\d{4}.*in", text)
    assert re.search(r"source ZTF26a.*sent", text)
    code, text = service("show", "2")
    assert "not classified: coverage" in text
    assert re.search(r"2 .*ZTF26b.*coverage", service("show", "--refused")[1])
    assert "nothing is parked" in service("show", "--parked")[1]
    assert "nothing on file about nobody" in service("show", "nobody")[1]


def test_once_says_by_its_exit_code_that_something_is_left(service):
    from iris_client.errors import BadPayload

    service.marshal.add(good("1", "ZTF26a"))
    service.marshal.trouble = lambda method, _: BadPayload("[odd] answer") if method == "spectrum" else None
    assert service("once")[0] == 1
    assert re.search(r"1 .*parked.*\[odd\] answer", service("show", "--parked")[1])
    service.marshal.trouble = lambda *_: None
    assert service("once", "--retry-parked")[0] == 0


def test_wrong_setting_is_named(service, monkeypatch):
    monkeypatch.setenv("ASTRANET_DRYRUN", "true")
    for command in ("once", "run", "doctor"):
        code, text = service(command)
        assert (code, text.strip()) == (2, "ASTRANET_DRYRUN: there is no such setting; did you mean ASTRANET_DRY_RUN?")


def test_a_group_the_bot_is_not_in_is_named_and_nothing_is_done(service, monkeypatch):
    service.marshal.add(good("1", "ZTF26a"))
    monkeypatch.setenv("ASTRANET_GROUP_IDS", "6,7")
    for command in ("once", "run"):
        code, text = service(command)
        assert (code, text.strip()) == (
            2,
            "ASTRANET_GROUP_IDS: bot is not a member of 7; add the bot to them on the marshal, "
            "or change ASTRANET_GROUP_IDS (it is in: 2, 6)",
        )
    assert {name for name, _ in service.marshal.calls} == {"account", "close"}


def test_a_job_that_there_is_not_is_named(service):
    code, text = service("run", "--jobs", "discover,cook")
    assert code == 2
    assert "cook: no job of the service" in text


def test_a_second_process_on_a_sqlite_file_is_told(service, tmp_path):
    with open_store(f"sqlite:///{tmp_path / 'astranet.sqlite'}", marshal=URL):
        for command in (("once",), ("run", "--jobs", "deliver")):
            code, text = service(*command)
            assert code == 1
            assert "SQLite serves one process, PostgreSQL serves many" in text


def test_missing_setting_is_named(service, monkeypatch):
    monkeypatch.delenv("ASTRANET_GROUP_IDS")
    code, text = service("once")
    assert code == 2
    assert text.startswith("ASTRANET_GROUP_IDS: not set")


def test_database_commands(service):
    assert service("db", "status")[0] == 1
    assert service("db", "upgrade")[0] == 0
    assert service("db", "status") == (0, f"schema {migrate.head()}, this version needs {migrate.head()}\n")
    assert service("db", "downgrade", "0004") == (0, "the database has schema 0004\n")
    assert service("db", "status")[0] == 1
    code, text = service("db", "downgrade", "9999")
    assert code == 1
    assert "no way from this database's schema" in text
    assert service("db", "upgrade")[0] == 0


def test_show_before_anything_is_there(service):
    code, text = service("show", "1")
    assert code == 1
    assert "there is no database" in text


def test_show_needs_to_know_what(service):
    assert service("show")[0] == 2
    assert service("show", "1", "--parked")[0] == 2


def test_unexpected_error_is_logged_once_and_shows_no_locals(service, monkeypatch):
    from structlog.testing import capture_logs

    def broken(*_: object) -> None:
        raise RuntimeError("a fault in the program")

    monkeypatch.setattr("plugin.app.App.once", broken)
    with capture_logs() as logged:
        code, text = service("once")
    assert code == 1
    assert [entry["log_level"] for entry in logged] == ["error"]
    assert "Traceback" not in text


def test_again_answers_what_was_answered_and_mends_what_hangs_there(service):
    service.marshal.add(good("1", "ZTF26a"), good("2", "ZTF26a"), good("3", "ZTF26b"))
    service("once")
    service.marshal._posted.pop("spectrum/1")  # somebody has deleted it by hand
    service("once")
    assert "spectrum/1" not in service.marshal.posted
    service.marshal.calls.clear()
    code, text = service("again", "1")
    assert (code, "due now: spectrum 1" in text) == (0, True)
    assert service("once")[0] == 0
    assert "spectrum/1" in service.marshal.posted
    assert [place for name, place in service.marshal.calls if name == "spectrum"] == ["1"]
    assert sorted(place for name, place in service.marshal.calls if name == "upsert") == ["1", "ZTF26a"]


def test_again_by_the_name_of_a_source_takes_all_of_its_spectra(service):
    service.marshal.add(good("1", "ZTF26a"), good("2", "ZTF26a"), good("3", "ZTF26b"))
    service("once")
    service.marshal.calls.clear()
    assert "due now: spectrum 1, spectrum 2" in service("again", "ZTF26a")[1]
    service("once")
    assert [place for name, place in service.marshal.calls if name == "spectrum"] == ["1", "2"]


def test_again_takes_a_parked_piece_and_one_that_was_never_listed(service):
    service.marshal.add(good("1", "ZTF26a"), good("2", "ZTF26b", group_ids=(9,)))
    service.marshal.trouble = lambda method, _: BadPayload("odd") if method == "spectrum" else None
    service("once")
    assert "odd" in service("show", "--parked")[1]
    service.marshal.trouble = lambda *_: None
    assert service("again", "1")[0] == 0
    assert service("again", "2")[0] == 0
    service("once")
    assert "nothing is parked" in service("show", "--parked")[1]
    assert "spectrum 2 of ZTF26b" in service("show", "2")[1]
    assert "spectrum/2" not in service.marshal.posted, "none of our groups sees it"


def test_again_knows_nothing_of_strangers(service):
    assert service("again", "ZTF26a")[0] == 1  # no database yet
    service("once")
    code, text = service("again", "ZTF26zzz")
    assert (code, "nothing on file about ZTF26zzz" in text) == (1, True)
    assert service("again", "77")[0] == 1  # the marshal has no such spectrum


def test_again_works_beside_a_running_service(service, tmp_path):
    service.marshal.add(good("1", "ZTF26a"))
    service("once")
    with open_store(f"sqlite:///{tmp_path / 'astranet.sqlite'}", marshal=URL):  # holds the file's lock
        assert service("once")[0] == 1
        assert service("again", "1")[0] == 0
