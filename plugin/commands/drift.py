"""Commands about: drift of the stream, and calibration on one's own answers."""

from contextlib import closing
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from plugin.commands.service import prepared

if TYPE_CHECKING:
    from models.recalibration.propose import Proposal
    from plugin.drift.recalibrating import Recalibrating
    from plugin.settings import Settings
    from plugin.store import Store

drift_app = typer.Typer(help="Whether answers are still like what they were calibrated on.", no_args_is_help=True)
calibration_app = typer.Typer(help="Calibrations made of answers of one's own.", no_args_is_help=True)
IdArgument = Annotated[str, typer.Argument(metavar="ID", help="Such as local-3f2a9c1d.")]


def register(app: typer.Typer) -> None:
    """Add this subject's commands."""
    app.add_typer(drift_app, name="drift")
    drift_app.command("show")(show_drift)
    drift_app.command("reset")(reset_drift)
    app.add_typer(calibration_app, name="calibration")
    calibration_app.command("list")(list_calibrations)
    calibration_app.command("show")(show_calibration)
    calibration_app.command("propose")(propose_calibration)
    calibration_app.command("adopt")(adopt_calibration)
    calibration_app.command("rollback")(roll_back)
    calibration_app.command("from-marshal")(calibrate_from_marshal)


def show_drift(
    every: Annotated[bool, typer.Option("--all", help="Also alarms that were acknowledged.")] = False,
) -> None:
    """Alarms, and how far each test is; exit code 1 while an alarm stands."""
    with prepared() as settings:
        from plugin.drift.view import alarm_lines, drift_lines

        with _store(settings, to_read=True) as store, store.begin(to_read=True) as unit:
            standing, shown = unit.drift.alarms(), unit.drift.alarms(acknowledged=every)
            lines = [*drift_lines(unit.drift.summary()), *alarm_lines(shown)]
        for line in lines:
            typer.echo(line)
        if not shown:
            typer.echo("no alarm")
    raise typer.Exit(1 if standing else 0)


def reset_drift(
    own: Annotated[
        bool,
        typer.Option("--own", help="Compare with the latest answers from now on, for a stream unlike calibration."),
    ] = False,
) -> None:
    """Acknowledge every alarm and begin all tests anew."""
    with prepared() as settings:
        from plugin.clock import utc_now
        from plugin.drift.watching import reset

        with _store(settings) as store:
            stood = reset(store, own=own, now=utc_now())
        against = "the latest answers" if own else "calibration"
        typer.echo(f"{stood} alarms acknowledged; the next cycle begins anew, against {against}")


def list_calibrations() -> None:
    """Every calibration on file, the newest first, and which one answers."""
    with prepared() as settings:
        from plugin.drift.view import calibration_line

        with _store(settings, to_read=True) as store, store.begin(to_read=True) as unit:
            found, adopted = unit.calibrations.every(), unit.calibrations.adopted()
        for one in found:
            typer.echo(calibration_line(one))
        off = adopted is not None and settings.recalibrate == "off"
        answers = "the model's own" if adopted is None or off else adopted.calibration_id
        typer.echo(f"in use: {answers}" + (" (RECALIBRATE is off)" if off else ""))


def show_calibration(name: IdArgument) -> None:
    """What a calibration is made of and what it showed on objects held back."""
    with prepared() as settings:
        from plugin.drift.view import calibration_line, check_lines

        with _store(settings, to_read=True) as store, store.begin(to_read=True) as unit:
            found = unit.calibrations.get(name)
        if found is None:
            raise typer.BadParameter(f"there is no calibration {name}: `astranet calibration list` shows them")
        for line in (calibration_line(found), *check_lines(found)):
            typer.echo(line)


def propose_calibration() -> None:
    """Make a calibration of the answers whose class is known, and check it; exit code 1 when it did not pass."""
    with prepared() as settings, _store(settings) as store:
        making = _recalibrating(settings, store)
        making.use_adopted()
        found = making.nightly()
        if settings.recalibrate == "off":
            typer.echo("RECALIBRATE is off")
    _end(found)


def adopt_calibration(
    name: IdArgument,
    despite: Annotated[bool, typer.Option("--despite-checks", help="Also one that did not pass.")] = False,
) -> None:
    """Let a calibration answer from the next cycle on."""
    with prepared() as settings:
        from models.bundle import SHIPPED, load
        from plugin.clock import utc_now
        from plugin.drift.recalibrating import CannotAdopt, adopt
        from plugin.settings import ConfigError

        with _store(settings) as store:
            try:
                bundle = load(settings.bundle or SHIPPED, layer=False)
                adopt(store, name, bundle_id=bundle.bundle_id, now=utc_now(), despite=despite)
            except CannotAdopt as error:
                raise ConfigError(str(error)) from None
            older = _older(settings, store)
        typer.echo(f"{name} answers from the next cycle on" + _is_off(settings))
        if older is not None:
            typer.echo(older)


def roll_back() -> None:
    """Go back to what answered before the calibration in use."""
    with prepared() as settings:
        from plugin.clock import utc_now
        from plugin.drift.recalibrating import rollback

        with _store(settings) as store:
            retired, answers = rollback(store, utc_now())
            older = _older(settings, store)
        if retired is None:
            typer.echo("the model's own calibration answers; there is nothing to go back from")
            return
        now = "the model's own calibration" if answers is None else answers.calibration_id
        typer.echo(f"{retired.calibration_id} is retired; {now} answers from the next cycle on")
        if older is not None:
            typer.echo(older)


def calibrate_from_marshal(
    days: Annotated[float, typer.Option(min=1, help="How far back spectra are looked for.")] = 1000.0,
    most: Annotated[int, typer.Option(min=1, help="Spectra at most, the newest first.")] = 2000,
) -> None:
    """Answer spectra that people have classified, without posting or filing, and calibrate on them.

    Proposes a calibration; exit code 1 when it did not pass.
    """
    with prepared() as settings:
        from plugin.drift.from_marshal import FromMarshal
        from plugin.ops.progress import progress
        from plugin.parts import quality_rules
        from plugin.sources.marshal import make_source

        with _store(settings) as store, closing(make_source(settings)) as marshal:
            making = _recalibrating(settings, store)
            reading = FromMarshal(
                marshal=marshal,
                analyst=making.analyst,
                group_ids=settings.group_ids,
                rules=quality_rules(settings),
                order=settings.trust,
                secrets=settings.secrets,
                most=most,
            )
            with progress("classified spectra") as advance:
                rows = reading.rows(timedelta(days=days), told=advance)
            for why, count in reading.left_out.most_common():
                typer.echo(f"left out: {count}, {why}")
            found = making.propose(rows) if len(rows) else None
    _end(found)


def _end(found: "Proposal | None") -> None:
    if found is None:
        typer.echo("too few spectra with a known class: a domain needs 100, half of the objects are held back")
        raise typer.Exit(1)
    typer.echo(f"{found.calibration_id}: {found.spectra} spectra of {found.objects} objects")
    for check in found.checks:
        typer.echo(f"{'ok  ' if check.ok else 'FAIL'} {check.name}: {check.found}")
    typer.echo(f"adopt it with: astranet calibration adopt {found.calibration_id}" if found.ok else "not to be adopted")
    raise typer.Exit(0 if found.ok else 1)


def _store(settings: "Settings", *, to_read: bool = False) -> "Store":
    from plugin.store import open_store

    return open_store(settings.database_url, marshal=settings.marshal()[0], to_read=to_read, beside=not to_read)


def _recalibrating(settings: "Settings", store: "Store") -> "Recalibrating":
    from models.recalibration.applied import LocalAnalyst
    from plugin.drift.recalibrating import Recalibrating
    from plugin.parts import make_analyst

    analyst = make_analyst(settings)
    assert isinstance(analyst, LocalAnalyst)
    return Recalibrating(
        store=store,
        analyst=analyst,
        alpha=settings.alpha,
        mode=settings.recalibrate,
        window=settings.recalibration_window,
        order=settings.trust,
    )


def _older(settings: "Settings", store: "Store") -> str | None:
    from plugin.drift.renewing import older_sentence

    with store.begin(to_read=True) as unit:
        return older_sentence(settings, unit)


def _is_off(settings: "Settings") -> str:
    return "" if settings.recalibrate != "off" else "; but RECALIBRATE is off, and so the model's own answers"
