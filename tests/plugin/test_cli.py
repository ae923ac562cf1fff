"""Commands of rooms that are not installed: not offered, and a sentence instead."""

import typer
from typer.testing import CliRunner

from plugin.cli import EXTRAS, Extra, app, offer

MISSING = Extra(name="attic", modules=("plugin.attic",), needs=("no_such_package",), commands=("dust", "bundle polish"))


def reduced() -> typer.Typer:
    made = typer.Typer()

    @made.command()
    def once() -> None:
        """A command of the service."""

    offer(made, MISSING)
    return made


def test_everything_is_offered_where_everything_is_installed():
    shown = typer.main.get_command(app)
    bundle = shown.commands["bundle"]
    for extra in EXTRAS:
        for name in extra.commands:
            group, _, sub = name.rpartition(" ")
            command = bundle.commands[sub] if group == "bundle" else shown.commands[sub]
            assert not command.hidden, name


def test_the_help_says_what_to_install_and_does_not_list_it():
    text = " ".join(CliRunner().invoke(reduced(), ["--help"]).output.split())
    assert "pip install 'astranet-annotator[attic]'" in text
    assert "A command of the service." in text
    assert "│ dust" not in text


def test_a_command_that_is_not_installed_says_so_whatever_is_asked_of_it():
    result = CliRunner().invoke(reduced(), ["dust", "--from", "shelf", "--help"])
    assert result.exit_code == 2
    assert "astranet-annotator[attic]" in result.output
