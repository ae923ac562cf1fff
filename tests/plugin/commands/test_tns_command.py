"""`astranet tns`: off without a key, the mirror with one, and never the key in what is printed."""

from datetime import timedelta

import pytest
from typer.testing import CliRunner

from iris_client.protocols import TransientName
from iris_client.tns.mirror import TnsObject
from plugin.cli import app
from plugin.clock import utc_now
from plugin.sandbox.tns.stand_in import TnsSandbox
from plugin.settings import ConfigError, Settings
from plugin.sources.tns import make_tns
from plugin.store import open_store


def test_without_a_key_nobody_asks(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert make_tns(Settings()) is None
    result = CliRunner().invoke(app, ["tns", "update"])
    assert result.exit_code == 1
    assert "ASTRANET_TNS_API_KEY" in result.output


def test_a_key_needs_a_bot():
    with pytest.raises(ConfigError, match="TNS_BOT_ID"):
        make_tns(Settings(tns_api_key="k"))


def test_update_and_match(monkeypatch, tmp_path):
    with TnsSandbox() as sandbox:
        sandbox.add(TnsObject(objid=5, prefix="SN", name="2026abc", ra_deg=10.0, dec_deg=-3.0, type="TDE"))
        variables = {
            "TNS_URL": sandbox.url,
            "TNS_BOT_ID": str(sandbox.bot[0]),
            "TNS_BOT_NAME": sandbox.bot[1],
            "TNS_API_KEY": sandbox.api_key,
            "DATABASE_URL": f"sqlite:///{tmp_path / 'x.sqlite'}",
        }
        monkeypatch.chdir(tmp_path)
        for name, value in variables.items():
            monkeypatch.setenv(f"ASTRANET_{name}", value)
        run = CliRunner()
        first = run.invoke(app, ["tns", "update"])
        assert (first.exit_code, "1 objects in the mirror" in first.output) == (0, True), first.output
        found = run.invoke(app, ["tns", "match", "10.0001", "--", "-3.0"])
        assert found.exit_code == 0, found.output
        assert "SN 2026abc" in found.output
        assert "mirror" in found.output
        nothing = run.invoke(app, ["tns", "match", "50", "20"])
        assert nothing.exit_code == 1
        assert sandbox.api_key not in first.output + found.output + nothing.output
        assert len(sandbox.requests) == 1


def test_changes_that_the_service_noticed_are_listed(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    url = f"sqlite:///{tmp_path / 'x.sqlite'}"
    given = {"DATABASE_URL": url, "MARSHAL_URL": "http://m.test", "MARSHAL_TOKEN": "t", "GROUP_IDS": "1"}
    for name, value in given.items():
        monkeypatch.setenv(f"ASTRANET_{name}", value)
    at = TransientName(name="AT 2026abc", source="mirror")
    sn = TransientName(name="SN 2026abc", type="TDE", source="mirror")
    with open_store(url, marshal="http://m.test") as store, store.begin() as unit:
        unit.names.put("ZTF26[bold]", at, utc_now() - timedelta(days=1))
        unit.names.put("ZTF26[bold]", sn, utc_now() - timedelta(hours=2))
    found = CliRunner().invoke(app, ["tns", "changes"])
    assert found.exit_code == 0, found.output
    assert "ZTF26[bold]: AT 2026abc (unclassified) -> SN 2026abc (TDE)" in found.output.replace("\n", " ")
    assert "0 changed" in CliRunner().invoke(app, ["tns", "changes", "--days", "0"]).output
