"""`astranet`: every command. Heavy imports wait until a command needs them.

The service's commands are always there. Those of the sandbox and of the laboratory are looked up by name, so that the
service depends on neither, and offered where what they need is installed.
"""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec

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
    "health",
    "again",
    "renew",
    "marshal",
    "notes",
    "tns",
    "truth",
    "shadow",
    "classify",
    "similar",
    "needle",
    "bundle",
    "analysis",
    "drift",
    "setup",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Extra:
    """Commands beside the service's own.

    Parameters
    ----------
    name : str
        Of the extra that brings what they need.
    modules : tuple of str
        Each has `register(app)`.
    needs : tuple of str
        Packages without which they are not offered.
    commands : tuple of str
        Their names, for whoever asks for one in vain.
    """

    name: str
    modules: tuple[str, ...]
    needs: tuple[str, ...]
    commands: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """What to do to have them."""
        what = ", ".join(f"`{c}`" for c in self.commands)
        return f"For {what} install the extra {self.name}: pip install 'astranet-annotator[{self.name}]'"

    def installed(self) -> bool:
        """Whether everything is there; nothing is imported to find out."""
        return all(find_spec(package) is not None for package in self.needs)


_SERVER = ("starlette", "uvicorn", "strawberry", "pyarrow")
_LAB = (
    "spectra",
    "ablation",
    "choices",
    "sentinel",
    "matching",
    "luminosity",
    "joined",
    "peers",
    "similar",
    "checks.members",
    "needle",
    "needle_hybrid",
    "needle_images",
    "checks.needle_checks",
    "hosts",
    "notes",
    "iris",
    "simulator",
    "drift",
    "finetune",
)
EXTRAS = (
    Extra(
        name="scale",
        modules=("plugin.backfill.commands",),
        needs=("distributed", "pyarrow"),
        commands=("backfill",),
    ),
    Extra(
        name="sandbox",
        modules=("plugin.sandbox.commands",),
        needs=("plugin.sandbox", *_SERVER),
        commands=("demo", "sandbox"),
    ),
    Extra(
        name="lab",
        modules=tuple(f"plugin.lab.commands.{subject}" for subject in _LAB),
        needs=("plugin.lab", "plugin.sandbox", *_SERVER),
        commands=("train", "evaluate", "iris", "train-simulator", "bundle join", "bundle add-sentinel"),
    ),
)


def offer(to: typer.Typer, extra: Extra) -> None:
    """Add an extra's commands; where it is not installed, say so in the help and to whoever asks for one of them."""
    if extra.installed():
        for module in extra.modules:
            importlib.import_module(module).register(to)
        return
    from rich.markup import escape

    to.info.epilog = "\n\n".join(filter(None, (to.info.epilog or "", escape(extra.sentence))))
    for name in extra.commands:
        if " " not in name:
            to.command(name, hidden=True, add_help_option=False, context_settings=_ANYTHING)(_absent(extra))


_ANYTHING = {"allow_extra_args": True, "ignore_unknown_options": True}


def _absent(extra: Extra) -> Callable[[], None]:
    def absent() -> None:
        typer.echo(extra.sentence, err=True)
        raise typer.Exit(2)

    return absent


for _subject in SUBJECTS:
    importlib.import_module(f"plugin.commands.{_subject}").register(app)
for _extra in EXTRAS:
    offer(app, _extra)
