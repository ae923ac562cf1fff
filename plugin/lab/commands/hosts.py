"""Commands about hosts: evaluate hosts."""

import json
from pathlib import Path
from typing import Annotated

import typer

from plugin.commands.needle import ModelOption, load_model
from plugin.lab.commands.common import evaluate_app
from plugin.lab.commands.needle import NeedleDataOption


def register(app: typer.Typer) -> None:
    """Add this subject's commands to `evaluate`."""
    evaluate_app.command("hosts")(evaluate_hosts)


def evaluate_hosts(
    data: NeedleDataOption,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for hosts.md and hosts.json.")],
    model: ModelOption = None,
) -> None:
    """How often each rule names the right host among an alert's neighbours, and what another host does to NEEDLE."""
    from plugin.lab.hosts.evaluation import known_hosts, newest_alerts, of_needle, of_rules, size_law
    from plugin.lab.hosts.page import markdown
    from plugin.lab.needle.data import load_survey

    loaded, objects, alerts = load_model(model), known_hosts(data), newest_alerts(data)
    law = size_law(data, set(alerts))
    rules, needle = of_rules(objects), of_needle(loaded, load_survey(data).survey_test, alerts)
    out.mkdir(parents=True, exist_ok=True)
    found = {"objects": [one.name for one in objects], "size": law, "rules": rules, "needle": needle}
    (out / "hosts.json").write_text(json.dumps(found, indent=1, allow_nan=False) + "\n")
    page = markdown(objects, law, rules, needle, loaded.model_id)
    (out / "hosts.md").write_text(page)
    typer.echo(page)
