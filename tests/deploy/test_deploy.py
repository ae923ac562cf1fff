"""What cannot be built here is at least read: files parse, name real commands and settings, keep their promises."""

import configparser
import importlib.util
import os
import re
import signal
import sys
import tomllib
import types
from pathlib import Path

import pytest
import typer.main
import yaml
from dotenv import dotenv_values

from plugin.cli import app
from plugin.commands.setup import NEEDED, env_example
from plugin.settings import Settings

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
COMMANDS_OF = typer.main.get_command(app).commands
COMMANDS = set(COMMANDS_OF)


def dockerfile():
    """(instruction, rest) pairs; continuation lines joined, comments left out."""
    text = re.sub(r"\\\n\s*", " ", (DEPLOY / "Dockerfile").read_text())
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [tuple(line.split(maxsplit=1)) for line in lines]


def test_env_example_is_in_step_with_the_settings():
    assert (DEPLOY / "env.example").read_text() == env_example(), "run: astranet env-example > deploy/env.example"


def test_env_example_names_every_setting_once_with_its_default():
    text = env_example()
    assert re.findall(r"^#?(ASTRANET_\w+)=", text, re.MULTILINE) == list(Settings.variables())
    uncommented = re.sub(r"^#(ASTRANET_)", r"\1", text, flags=re.MULTILINE)
    assert Settings.load(_parse(uncommented), env_file=None) == Settings(web_bind="127.0.0.1:8765")
    meant = re.findall(r"^ASTRANET_(\w+)=", text, re.MULTILINE)
    assert {name.lower() for name in meant} == {*NEEDED, "web_bind"}


def _parse(text):
    return dict(line.split("=", 1) for line in text.splitlines() if line.startswith("ASTRANET_"))


def test_env_example_starts_the_service_when_filled_in(tmp_path):
    token = tmp_path / "token"
    token.write_text("secret")
    given = {"MARSHAL_URL": "https://marshal.example", "MARSHAL_TOKEN_FILE": str(token), "GROUP_IDS": "2,6"}
    assert {name.lower() for name in given} == set(NEEDED)
    variables = {**dotenv_values(DEPLOY / "env.example"), **{f"ASTRANET_{k}": v for k, v in given.items()}}
    settings = Settings.load(variables, env_file=None)
    assert settings.marshal() == ("https://marshal.example", "secret", (2, 6))
    assert settings.dry_run


def test_dockerfile_has_only_known_instructions_and_starts_from_pinned_images():
    known = {"FROM", "ARG", "ENV", "RUN", "WORKDIR", "COPY", "USER", "VOLUME", "STOPSIGNAL", "ENTRYPOINT", "CMD"}
    names = [name for name, _ in dockerfile()]
    assert set(names) <= known | {"HEALTHCHECK"}
    images = [rest.split()[0] for name, rest in dockerfile() if name == "FROM"]
    assert set(images) == {"${PYTHON_IMAGE}"}
    (image,) = [rest for name, rest in dockerfile() if name == "ARG" and rest.startswith("PYTHON_IMAGE=")]
    assert re.fullmatch(r"PYTHON_IMAGE=python:3\.1[12]-slim-[a-z]+(@sha256:[0-9a-f]{64})?", image)


def test_dockerfile_runs_as_nobody_special_and_copies_what_exists():
    last_user = [rest for name, rest in dockerfile() if name == "USER"][-1]
    assert last_user == "10001"
    for name, rest in dockerfile():
        if name == "COPY" and "--from" not in rest:
            *sources, _ = rest.split()
            assert all((ROOT / s).exists() for s in sources), rest
        if name == "RUN" and "apt-get install" in rest:
            assert "apt-get update" in rest
            assert "--no-install-recommends" in rest
            assert "rm -rf /var/lib/apt/lists" in rest


def test_dockerfile_carries_no_secret_and_starts_a_command_that_exists():
    text = (DEPLOY / "Dockerfile").read_text()
    assert "TOKEN" not in text
    pairs = dict(dockerfile())
    assert pairs["ENTRYPOINT"] == '["astranet"]'
    assert yaml.safe_load(pairs["CMD"])[0] in COMMANDS
    assert re.search(r'CMD \["astranet", "health", "--live"\]', pairs["HEALTHCHECK"])
    assert "status" in COMMANDS_OF["db"].commands
    for name in re.findall(r"ASTRANET_\w+", text):
        assert name in Settings.variables()


def test_docker_ignores_all_but_what_is_copied():
    kept = {line[1:] for line in (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines() if line[:1] == "!"}
    copied = {s.rstrip("/") for n, r in dockerfile() if n == "COPY" and "--from" not in r for s in r.split()[:-1]}
    assert kept == copied


def test_compose_starts_one_service_without_a_database_server():
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    assert list(compose["services"]) == ["annotator"]
    service = compose["services"]["annotator"]
    assert service["command"][0] in COMMANDS
    assert (DEPLOY / service["build"]["context"] / service["build"]["dockerfile"]).is_file()
    assert set(service["environment"]) <= set(Settings.variables())
    assert "ASTRANET_MARSHAL_TOKEN" not in service["environment"]
    assert {v.split(":")[0] for v in service["volumes"]} == set(compose["volumes"])
    assert set(service["secrets"]) == set(compose["secrets"])
    assert service["environment"]["ASTRANET_MARSHAL_TOKEN_FILE"] == "/run/secrets/marshal_token"
    assert service["environment"]["ASTRANET_WEB_TOKEN_FILE"] == "/run/secrets/web_token"
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])


def test_what_holds_secrets_is_not_in_the_repository():
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    assert {"/.env", "/deploy/astranet.env", "/deploy/marshal_token"} <= set(ignored)


def unit_file():
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str
    parser.read(DEPLOY / "systemd" / "astranet.service")
    return parser


def test_systemd_unit_runs_a_command_that_exists_as_an_unprivileged_user():
    unit = unit_file()
    assert set(unit.sections()) == {"Unit", "Service", "Install"}
    assert unit["Service"]["ExecStart"].split()[-1] in COMMANDS
    assert unit["Service"]["DynamicUser"] == "yes"
    assert unit["Service"]["RestartPreventExitStatus"] == "2"


def test_supervisor_program_uses_its_own_interpreter_and_does_not_end_in_silence():
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(DEPLOY / "skyportal" / "supervisor.conf")
    program = parser["program:astranet"]
    assert program["command"].split()[:2] == ["services/astranet/.venv/bin/python", "services/astranet/main.py"]
    assert program["autorestart"] == "true"
    assert int(program["startretries"]) > 0
    assert (program["stopasgroup"], program["killasgroup"]) == ("false", "true")


def test_skyportal_finds_its_compatibility_table():
    project = tomllib.loads((DEPLOY / "skyportal" / "pyproject.toml").read_text())
    (entry,) = project["tool"]["compatibility"]["compatible-with"]
    assert entry == {"name": "skyportal", "version": ">=1.4.0"}
    main = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["project"]["version"] == main["project"]["version"]
    assert main["project"]["name"] in project["project"]["dependencies"]


def test_skyportal_parameters_are_settings():
    defaults = yaml.safe_load((DEPLOY / "skyportal" / "config.yaml.defaults").read_text())
    params = defaults["services"]["external"]["astranet"]["params"]
    assert set(params) <= set(Settings.model_fields)
    assert params["dry_run"] is True
    assert "marshal_token" not in params


@pytest.fixture
def starter():
    spec = importlib.util.spec_from_file_location("astranet_skyportal_main", DEPLOY / "skyportal" / "main.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_parameters_become_variables(starter):
    params = {"marshal_url": None, "group_ids": [2, 6], "dry_run": False, "note_authors": None, "alpha": 0.1}
    assert starter.variables(params, "http://localhost:5000") == {
        "ASTRANET_MARSHAL_URL": "http://localhost:5000",
        "ASTRANET_GROUP_IDS": "2,6",
        "ASTRANET_DRY_RUN": "false",
        "ASTRANET_ALPHA": "0.1",
    }


def test_it_waits_for_skyportal(starter):
    answers, naps = iter([False, False, True]), []
    starter.wait_for(lambda: next(answers), naps.append)
    assert naps == [10.0, 10.0]
    assert not starter.is_up("http://127.0.0.1:9")


def test_failures_are_waited_out_ever_longer_and_a_good_run_starts_anew(starter):
    now, naps, logged = [0.0], [], []
    lengths = iter([1, 1, 1, 400, 1])
    codes = iter([1, 1, 1, 1, 0])

    def run():
        now[0] += next(lengths)
        return next(codes)

    assert starter.keep_running(run, naps.append, lambda: now[0], logged.append) == 0
    assert naps == [5.0, 10.0, 20.0, 5.0]
    assert len(logged) == 4


def test_wrong_settings_are_not_tried_again(starter):
    assert starter.keep_running(lambda: 2, pytest.fail, lambda: 0.0, pytest.fail) == 2


GENTLE = """
import os, signal, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
os.kill(os.getppid(), signal.SIGTERM)
signal.pause()
"""


def test_sigterm_is_passed_on_and_waited_for(starter):
    before = signal.getsignal(signal.SIGTERM)
    try:
        assert starter.run_child([sys.executable, "-c", GENTLE], dict(os.environ)) == 0
        assert starter.run_child([sys.executable, "-c", "raise SystemExit(3)"], dict(os.environ)) == 3
    finally:
        signal.signal(signal.SIGTERM, before)


class Config(dict):
    """As baselayer's: keys with dots."""


def fake_baselayer(monkeypatch, params, log):
    config = Config({"server.protocol": "http", "server.host": "127.0.0.1", "server.port": 9})
    config["services.external.astranet.params"] = params
    env, logging = types.ModuleType("baselayer.app.env"), types.ModuleType("baselayer.log")
    env.load_env = lambda: (None, config)
    logging.make_log = lambda name: log.append
    for name, module in {"baselayer": types.ModuleType("b"), "baselayer.app": types.ModuleType("a")}.items():
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setitem(sys.modules, "baselayer.app.env", env)
    monkeypatch.setitem(sys.modules, "baselayer.log", logging)


def test_a_wrong_parameter_ends_it_at_once_and_is_named(starter, monkeypatch):
    log = []
    fake_baselayer(monkeypatch, {"group_ids": [2], "dryrun": True}, log)
    assert starter.main(["--config=config.yaml", "--other"]) == 2
    assert "ASTRANET_DRYRUN" in log[0]


def test_a_missing_token_ends_it_at_once_and_is_named(starter, monkeypatch):
    log = []
    fake_baselayer(monkeypatch, {"group_ids": [2]}, log)
    assert starter.main([]) == 2
    assert "ASTRANET_MARSHAL_TOKEN" in log[0]
