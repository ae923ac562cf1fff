"""Commands about: spectra."""

import typer


def register(app: typer.Typer) -> None:
    """Add this subject's commands."""
