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
    "service",
    "sandbox",
    "notes",
    "spectra",
    "ablation",
    "iris",
    "tns",
    "sentinel",
    "setup",
    "needle_images",
    "needle_hybrid",
    "needle",
)

for _subject in SUBJECTS:
    importlib.import_module(f"plugin.commands.{_subject}").register(app)
