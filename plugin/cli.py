"""`astranet`: every command of the service. Heavy imports wait until a command needs them."""

import importlib

import typer

app = typer.Typer(
    name="astranet",
    help="Calibrated, automatic answers on every transient spectrum and alert in a SkyPortal/Fritz marshal.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,  # locals may hold the token
)

SUBJECTS = (
    "plugin.commands.service",
    "plugin.sandbox.commands",
    "plugin.commands.notes",
    "plugin.lab.commands.spectra",
    "plugin.lab.commands.ablation",
    "plugin.lab.commands.iris",
    "plugin.commands.tns",
    "plugin.lab.commands.sentinel",
    "plugin.commands.setup",
    "plugin.lab.commands.needle_images",
    "plugin.lab.commands.needle_hybrid",
    "plugin.commands.needle",
)

for _subject in SUBJECTS:
    importlib.import_module(_subject).register(app)
