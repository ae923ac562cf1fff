"""Compose files, Kubernetes manifests and the systemd unit: read with the tools that read them in production."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import kubernetes_validate
import pytest
import typer.main
import yaml

from plugin.cli import app
from plugin.settings import Settings

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
COMMANDS = set(typer.main.get_command(app).commands)
COMPOSED = ("compose.postgres.yaml", "compose.monitoring.yaml")
MANIFESTS = sorted((DEPLOY / "kubernetes").glob("*.yaml"))
BASE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())


def manifest(kind: str) -> dict:
    (found,) = [one for path in MANIFESTS for one in yaml.safe_load_all(path.read_text()) if one["kind"] == kind]
    return found


@pytest.mark.parametrize("name", COMPOSED)
def test_what_is_added_to_the_one_container_hangs_together(name: str) -> None:
    more = yaml.safe_load((DEPLOY / name).read_text())
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    for secret in [*more["secrets"].values(), *BASE["secrets"].values()]:
        assert f"/deploy/{secret['file']}" in ignored
    for service in more["services"].values():
        assert set(service.get("secrets", ())) <= set(more["secrets"]) | set(BASE["secrets"])
        assert all(re.search(r":v?\d+(\.\d+)*(-\w+)?$", image) for image in [service.get("image", "x:1")])
        for volume in service.get("volumes", ()):
            source = volume.partition(":")[0]
            assert source in more["volumes"] or (DEPLOY / source).exists(), volume
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))
    variables = more["services"].get("annotator", {}).get("environment", {})
    assert set(variables) <= set(Settings.variables())
    assert not [name for name, text in variables.items() if re.search("PASSWORD|TOKEN", name) and "/run/" not in text]


def test_settings_for_postgres_give_an_address_with_the_password_of_the_file(tmp_path: Path) -> None:
    given = yaml.safe_load((DEPLOY / "compose.postgres.yaml").read_text())["services"]["annotator"]["environment"]
    password = tmp_path / "database_password"
    password.write_text("0123abcd")
    settings = Settings.load({**given, "ASTRANET_DATABASE_PASSWORD_FILE": str(password)}, env_file=None)
    assert settings.database_url == "postgresql+psycopg://astranet:0123abcd@postgres/astranet"


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.name)
def test_manifests_are_what_kubernetes_expects(path: Path) -> None:
    for one in yaml.safe_load_all(path.read_text()):
        if one["kind"] == "Kustomization":
            names = [*one["resources"], *(env for made in one["configMapGenerator"] for env in made["envs"])]
            assert all((path.parent / name).is_file() for name in names)
        else:
            kubernetes_validate.validate(one, "1.31", strict=True)


def test_the_pod_starts_a_command_that_exists_without_any_privilege() -> None:
    pod = manifest("Deployment")["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert container["args"][0] in COMMANDS
    assert {container[probe]["exec"]["command"][1] for probe in ("startupProbe", "livenessProbe")} <= COMMANDS
    assert {variable["name"] for variable in container["env"]} <= set(Settings.variables())
    assert pod["securityContext"]["runAsNonRoot"]
    assert container["securityContext"]["readOnlyRootFilesystem"]
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert {m["name"] for m in container["volumeMounts"]} == {v["name"] for v in pod["volumes"]}
    lines = (DEPLOY / "kubernetes" / "settings.env").read_text().splitlines()
    assert {line.partition("=")[0] for line in lines} <= set(Settings.variables())


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="needs kubectl")
def test_kustomize_builds_them() -> None:
    command = ["kubectl", "kustomize", str(DEPLOY / "kubernetes")]
    made = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    kinds = [one["kind"] for one in yaml.safe_load_all(made)]
    assert sorted(kinds) == ["ConfigMap", "Deployment", "Namespace", "NetworkPolicy", "PersistentVolumeClaim"]


def test_the_linter_of_dockerfiles_finds_nothing() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([hadolint, DEPLOY / "Dockerfile"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
def test_the_unit_gives_away_little() -> None:
    unit = DEPLOY / "systemd" / "astranet.service"
    command = ["systemd-analyze", "security", "--offline=true", "--no-pager", "--json=short", str(unit)]
    found = json.loads(subprocess.run(command, capture_output=True, text=True, check=False).stdout)
    exposed = [row["name"] for row in found if row.get("exposure") not in (None, "", "0.0") and not row.get("set")]
    assert "SystemCallFilter=~@mount" not in exposed
    assert "CapabilityBoundingSet=~CAP_SYS_ADMIN" not in exposed
    overall = subprocess.run([*command[:-2], str(unit)], capture_output=True, text=True, check=False).stdout
    assert float(overall.rsplit(": ", 1)[1].split()[0]) < 2.0
