"""`astranet register`, and what the doctor says of the Analysis button."""

import json

import pytest
from typer.testing import CliRunner

from plugin.cli import app as astranet
from plugin.ops.doctor import Check, examine
from plugin.sandbox import Sandbox
from plugin.settings import Settings
from plugin.sources.marshal import make_marshal
from plugin.store import open_store
from plugin.web.parts import WebParts
from plugin.web.server import serve

SECRET = "shared-secret-of-the-button"


@pytest.fixture
def sandbox():
    with Sandbox() as running:
        yield running


@pytest.fixture
def command(sandbox, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ASTRANET_DATA_DIR", raising=False)
    variables = {
        "MARSHAL_URL": sandbox.url,
        "MARSHAL_TOKEN": sandbox.token,
        "GROUP_IDS": "6",
        "REQUESTS_PER_SECOND": "10000",
        "DATABASE_URL": f"sqlite:///{tmp_path / 'astranet.sqlite'}",
        "OUTPUT_DIR": str(tmp_path),
        "ANALYSIS_SECRET": SECRET,
        "ANALYSIS_URL": "http://astranet.test:8765",
        "WEB_BIND": "127.0.0.1:8765",
    }
    for name, text in variables.items():
        monkeypatch.setenv(f"ASTRANET_{name}", text)
    monkeypatch.setattr("plugin.ops.logs.configure", lambda **_: None)

    def invoke(*arguments: str):
        result = CliRunner().invoke(astranet, ["register", *arguments])
        return result.exit_code, result.output

    return invoke


@pytest.fixture
def admins(sandbox, tmp_path) -> str:
    file = tmp_path / "token"
    file.write_text(sandbox.tokens["admin"] + "\n")
    return str(file)


def test_with_an_administrators_token(command, sandbox, admins):
    assert command("--token-file", admins) == (0, "astranet: registered (id 1)\nneedle: registered (id 2)\n")
    assert command("--token-file", admins)[1].count("kept as it was") == 2
    service = sandbox.state.services[1]
    assert service.url == "http://astranet.test:8765/analysis/astranet"
    assert service.authinfo == {"header_token": {"Authorization": f"Bearer {SECRET}"}}
    assert service.group_ids == {6}
    assert command("--remove", "--token-file", admins)[1].count("removed") == 2
    assert command("--remove", "--token-file", admins)[1].count("was not there") == 2


def test_without_the_right_it_says_what_to_ask_for(command, sandbox):
    code, text = command()
    assert code == 1
    assert text.count("the token lacks the right Manage Analysis Services") == 2
    assert SECRET not in text
    assert sandbox.token not in text
    assert "--token-file" in text
    code, text = command("--with-secret")
    start = text.index("{")
    body, _ = json.JSONDecoder().raw_decode(text[start:])
    assert json.loads(body["_authinfo"]) == {"header_token": {"Authorization": f"Bearer {SECRET}"}}
    # What it prints is what an administrator's request needs to hold.
    made = make_marshal(settings_of(sandbox, sandbox.tokens["admin"]))
    with made as marshal:
        assert marshal.services.add(body) == "1"


def test_anothers_service_of_that_name_is_left_alone(command, sandbox, admins):
    body = {"name": "needle", "url": "http://else.test/needle", "authentication_type": "none"}
    with make_marshal(settings_of(sandbox, sandbox.tokens["admin"])) as marshal:
        marshal.services.add({**body, "analysis_type": "meta_analysis", "input_data_types": [], "group_ids": [6]})
    code, text = command("--token-file", admins)
    assert code == 1
    assert "needle: another service has this name, at http://else.test/needle; it is left alone" in text
    assert "another service" in command("--remove", "--token-file", admins)[1]
    assert [s.url for s in sandbox.state.services.values()] == ["http://else.test/needle"]


@pytest.mark.parametrize("name", ["ANALYSIS_SECRET", "ANALYSIS_URL", "WEB_BIND"])
def test_what_is_not_set_is_named(command, monkeypatch, name):
    monkeypatch.delenv(f"ASTRANET_{name}")
    code, text = command()
    assert code == 2
    assert f"ASTRANET_{name}: not set" in text


@pytest.mark.parametrize("secret", ["short", "with a blank in the middle", "ünïcödé-ünïcödé-ünïcödé"])
def test_a_secret_that_is_none(secret):
    with pytest.raises(ValueError):
        Settings(analysis_secret=secret)


def settings_of(sandbox: Sandbox, token: str, **values) -> Settings:
    given = {"marshal_url": sandbox.url, "marshal_token": token, "group_ids": (6,), "requests_per_second": 1e4}
    return Settings(**{**given, **values})


def button(settings: Settings) -> list[Check]:
    return [c for c in examine(settings, client=make_marshal) if c.name in ("Analysis button", "requests")]


def test_the_doctor(command, sandbox, admins, tmp_path, monkeypatch):
    monkeypatch.setattr("plugin.ops.doctor.local._bundle", lambda _: iter([Check(name="bundle", ok=True, found="")]))
    values = {"database_url": f"sqlite:///{tmp_path / 'd.sqlite'}", "output_dir": tmp_path}
    (off,) = button(settings_of(sandbox, sandbox.token, **values))
    assert (off.ok, off.found) == (True, "off: ASTRANET_ANALYSIS_SECRET is not set")
    values |= {"analysis_secret": SECRET}
    (half,) = button(settings_of(sandbox, sandbox.token, **values))
    assert not half.ok
    assert "ASTRANET_ANALYSIS_URL" in half.remedy
    values |= {"web_bind": "127.0.0.1:0", "dry_run": False}
    with open_store(values["database_url"], marshal=sandbox.url) as store:
        with serve(WebParts(settings=settings_of(sandbox, sandbox.token, **values), store=store)) as url:
            chosen = settings_of(sandbox, sandbox.token, **values, analysis_url=url)
            missing, reached = button(chosen)
            assert (missing.ok, missing.remedy) == (False, "run `astranet register`")
            assert reached.ok
            monkeypatch.setenv("ASTRANET_ANALYSIS_URL", url)
            assert command("--token-file", admins)[0] == 0
            assert [c.ok for c in button(chosen)] == [True, True]
            other = settings_of(
                sandbox, sandbox.token, **{**values, "analysis_secret": f"{SECRET}-2"}, analysis_url=url
            )
            assert [c.ok for c in button(other)] == [True, False]
        assert [c.ok for c in button(chosen)] == [True, False]
