"""Commands about model bundles: verify, show, diff; and what every command shares that loads one."""

import gc
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

bundle_app = typer.Typer(help="Look at model bundles.", no_args_is_help=True)

BundleOption = Annotated[Path | None, typer.Option("--bundle", help="A bundle folder; the shipped one by default.")]


def register(app: typer.Typer) -> None:
    """Add this subject's commands."""
    app.add_typer(bundle_app, name="bundle")
    for command in (verify, show, diff):
        bundle_app.command()(command)


def verify(bundle: BundleOption = None) -> None:
    """Check every file of a bundle against its card; exit 1 with the reason if anything differs."""
    loaded = load_bundle(bundle)
    Console().print(
        f"{loaded.bundle_id}: {len(loaded.card['files'])} files verified, {len(loaded.card['members'])} members"
    )


def show(
    bundle: BundleOption = None, full: Annotated[bool, typer.Option(help="The whole card as JSON.")] = False
) -> None:
    """What a bundle is, from which data, how well it does and what it cannot."""
    from plugin.ops.card_view import describe_card

    loaded = load_bundle(bundle)
    if full:
        print(json.dumps(loaded.card, indent=2, sort_keys=True))
    else:
        Console().print(describe_card(loaded.card, loaded.bundle_id))


def diff(old: Annotated[Path, typer.Argument()], new: Annotated[Path, typer.Argument()]) -> None:
    """What differs between two bundles' cards."""
    from plugin.ops.card_view import card_diff

    for line in card_diff(dict(load_bundle(old).card), dict(load_bundle(new).card)):
        print(line)


def load_bundle(folder: Path | None) -> Any:
    """A verified bundle, the shipped one by default; the command ends with one sentence where it is damaged."""
    from models.bundle import load

    # What PyTorch has just made stays until the end. Looking through it for garbage, again and again and once more at
    # the end, would take a fifth of the time in which one spectrum is answered.
    gc.freeze()
    with refusing("bundle"):
        return load(folder)


@contextmanager
def refusing(what: str) -> Iterator[None]:
    """End the command with one sentence where a model's files are not what their card says."""
    from models.cards import BundleError

    try:
        yield
    except BundleError as error:
        Console(stderr=True).print(f"[red]{what} refused:[/] {error}")
        raise typer.Exit(1) from error
