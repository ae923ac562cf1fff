"""Commands about: what another bundle says beside the live one, and a night again."""

import json
from contextlib import closing
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from plugin.commands.service import prepared

if TYPE_CHECKING:
    from plugin.shadow.compare import Comparison
    from plugin.shadow.replay import Replayed

_ABOUT = "The answers of ASTRANET_SHADOW_BUNDLE, which are filed and never posted."
shadow_app = typer.Typer(help=_ABOUT, no_args_is_help=True)
JsonOption = Annotated[bool, typer.Option("--json", help="As JSON.")]
_SHOWN = 40


def register(app: typer.Typer) -> None:
    """Add this subject's commands."""
    app.add_typer(shadow_app, name="shadow")
    shadow_app.command()(report)
    app.command()(replay)


@shadow_app.callback(help=_ABOUT)
def _shadow() -> None:
    """A group of one command stays a group."""


def report(as_json: JsonOption = False) -> None:
    """Say what would change if the shadow's bundle answered, and which of the two was right where people know."""
    with prepared() as settings:
        from plugin.shadow.compare import compare, pairs_of
        from plugin.store import open_store
        from plugin.store.truth.answered import Truth

        with (
            open_store(settings.database_url, marshal=settings.marshal()[0], to_read=True) as store,
            store.begin(to_read=True) as unit,
        ):
            pairs = pairs_of(unit)
            settled = unit.truth.settled({live.target_id for live, _ in pairs}, settings.trust)
        truths = {name: t.label for name, t in settled.items() if isinstance(t, Truth) and t.label is not None}
        found = compare(pairs, truths, settings.alpha)
    if as_json:
        typer.echo(json.dumps(asdict(found), ensure_ascii=False))
    else:
        _tell(found)


def _tell(found: "Comparison") -> None:
    live, shadow = (", ".join(names) or "nobody" for names in found.bundles)
    typer.echo(f"{found.spectra} spectra of {found.objects} objects were answered by {live} and by the shadow {shadow}")
    if not found.spectra:
        return
    differing = ", ".join(f"{name} {n}" for name, n in found.differing.items()) or "nothing"
    typer.echo(f"what would change: {differing}")
    typer.echo(
        f"of {found.judged} objects whose class people know both are right about {found.both_right}, "
        f"the live one alone about {found.live_right}, the shadow alone about {found.shadow_right}"
    )
    for one in found.changes[:_SHOWN]:
        truth = f"; people say {one.truth}" if one.truth else ""
        typer.echo(f"{one.target_id}, spectrum {one.spectrum_id}: {one.live} -> {one.shadow}{truth}")
    if len(found.changes) > _SHOWN:
        typer.echo(f"... and {len(found.changes) - _SHOWN} more; --json has them all")


def replay(
    night: Annotated[str, typer.Option(help="UT date on which the night begins at noon, such as 2026-06-10.")],
    as_json: JsonOption = False,
) -> None:
    """Answer a night's spectra again and show how what would be posted now differs; nothing is filed or posted."""
    from plugin.notes.night import Night

    try:
        chosen = Night.parse(night)
    except ValueError:
        raise typer.BadParameter(f"{night!r} is not a date such as 2026-06-10", param_hint="--night") from None
    with prepared() as settings:
        from plugin.clock import utc_now
        from plugin.cycle.spectra.producer import SpectraProducer
        from plugin.ops.progress import progress
        from plugin.parts import make_analyst, make_calibration_part, posting, quality_rules
        from plugin.shadow.replay import replay as again
        from plugin.sources.marshal import make_source
        from plugin.store import open_store

        span = (chosen.start.replace(tzinfo=None), chosen.end.replace(tzinfo=None))
        analyst = make_analyst(settings)
        with (
            open_store(settings.database_url, marshal=settings.marshal()[0], to_read=True) as store,
            closing(make_source(settings)) as marshal,
            progress("replay") as advance,
        ):
            calibration = make_calibration_part(settings, store, analyst, utc_now, messages=False)
            if calibration is not None:
                calibration.before_cycle()  # what was adopted answers today
            today = SpectraProducer(
                marshal=marshal,
                analyst=analyst,
                posting=posting(settings, analyst),
                rules=quality_rules(settings),
                secrets=settings.secrets,
            )
            found = []
            for one in again(store, today, *span):
                found.append(one)
                advance(1)
    if as_json:
        for one in found:
            typer.echo(json.dumps(one.to_dict(), ensure_ascii=False))
        return
    differing = [one for one in found if one.changed]
    typer.echo(f"night {chosen}: {len(found)} spectra; {len(differing)} would be posted otherwise today")
    for one in differing:
        _show(one)


def _show(one: "Replayed") -> None:
    typer.echo(f"{one.target_id}, spectrum {one.spectrum_id}{': no longer there' if one.gone else ''}")
    for key, (old, new) in one.changed.items() if not one.gone else ():
        typer.echo(f"    {key}: {'-' if old is None else old} -> {'-' if new is None else new}")
