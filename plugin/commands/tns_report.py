"""`astranet tns report`: classification reports, drafted, looked at, and sent by a person with a name."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from rich.console import Console

from plugin.commands.service import prepared

if TYPE_CHECKING:
    from plugin.settings import Settings
    from plugin.store import Store
    from plugin.store.tns.reports import TnsReport
    from plugin.tns.reports.sending import Sending

report_app = typer.Typer(help="Classification reports to the TNS.", no_args_is_help=True)
Source = Annotated[str, typer.Argument(help="Source on the marshal, such as ZTF26aaapple.")]


def register(tns_app: typer.Typer) -> None:
    """Add the commands."""
    tns_app.add_typer(report_app, name="report")
    report_app.command()(draft)
    report_app.command("list")(list_)
    report_app.command()(show)
    report_app.command()(send)
    report_app.command()(status)


def draft() -> None:
    """Draft reports for the sure answers that are pure enough; tells who is left out, and why. Nothing is sent."""
    with _opened() as (settings, store):
        from models.bundle import load
        from plugin.sources.marshal import make_source
        from plugin.tns.reports.part import bundle_purities, draft_reports, make_reporter

        purities = bundle_purities(load(settings.bundle))
        reporter = make_reporter(settings)
        with closing(make_source(settings)) as marshal:
            try:
                drafted = draft_reports(settings, store, marshal, purities, reporter=reporter)
            finally:
                if reporter is not None:
                    reporter.close()
    out = Console()
    for target_id, one in sorted(drafted.drafts.items()):
        missing = f"  lacks: {'; '.join(one.missing)}" if one.missing else ""
        out.print(
            f"{target_id}  {one.name}  {one.type_name or one.label}  p {one.probability:.2f}{missing}", markup=False
        )
    for target_id, why in sorted(drafted.left_out.items()):
        out.print(f"{target_id}  left out: {why}", markup=False)
    Console(stderr=True).print(f"{len(drafted.drafts)} drafts, {len(drafted.left_out)} left out")


def list_() -> None:
    """Every draft and report, with what became of it."""
    with _opened() as (settings, store), store.begin(to_read=True) as unit:
        found = unit.tns_reports.every(settings.tns_report_url)
    for one in found:
        said = f"  {'; '.join(one.reasons)}" if one.reasons else ""
        name, kind = one.draft["name"], one.draft["type_name"] or one.draft["label"]
        Console().print(f"{one.target_id}  {name}  {kind}  {one.state}{said}", markup=False)
    Console(stderr=True).print(f"{len(found)} reports for {settings.tns_report_url}")


def show(
    source: Source,
    spectrum: Annotated[bool, typer.Option("--spectrum", help="Also the spectrum's file.")] = False,
) -> None:
    """One report as it would be sent, and what happened to it."""
    from plugin.tns.reports.draft import Draft

    with _opened() as (settings, store):
        report = _report(settings, store, source)
    found = Draft.from_dict(report.draft)
    out = Console(soft_wrap=True)
    for key, value in found.to_dict().items():
        if key not in ("ascii", "missing", "purity"):
            out.print(f"{key:16} {'' if value is None else value}", markup=False)
    out.print(f"{'remarks':16} {found.remarks(report.reviewer or 'NAME')}", markup=False)
    for one in found.missing:
        out.print(f"{'missing':16} {one}", markup=False)
    _print_history(report)
    if spectrum:
        typer.echo(found.ascii, nl=False)


def send(
    source: Source,
    reviewer: Annotated[str, typer.Option(help="Your name: it stands in the report's remarks.")],
    wait: Annotated[float, typer.Option(help="Seconds to wait for the TNS's verdict.", min=0, max=600)] = 60.0,
) -> None:
    """Approve a draft and send it, or go on with one that is under way. With DRY_RUN nothing is sent."""
    from plugin.clock import utc_now
    from plugin.settings import PREFIX, ConfigError
    from plugin.store.tns.reports import ENDED
    from plugin.tns.reports.draft import Draft
    from plugin.tns.reports.part import make_reporter, refresh_files
    from plugin.tns.reports.sending import Sending

    if not reviewer.strip():
        raise typer.BadParameter("give the name of whoever has reviewed the draft", param_hint="--reviewer")
    with _opened() as (settings, store):
        if settings.dry_run:
            raise ConfigError(f"{PREFIX}DRY_RUN: nothing is sent while this is true")
        reporter = make_reporter(settings)
        if reporter is None:
            raise ConfigError(f"{PREFIX}TNS_API_KEY: not set, so that nobody can send anything")
        report = _report(settings, store, source)
        missing = Draft.from_dict(report.draft).missing
        if report.state == "draft" and missing:
            _fail(f"it cannot be sent: {'; '.join(missing)}")
        if report.state in ENDED:
            _fail(f"it is {report.state} already; {'; '.join(report.reasons)}".rstrip("; "))
        with reporter:
            if report.state == "draft":
                with store.begin() as unit:
                    if not unit.tns_reports.approve(
                        reporter.url, source, reviewer.strip(), report.drafted_at, utc_now()
                    ):
                        _fail("somebody else has approved it, or it was drafted anew, just now")
            _follow(Sending(store=store, reporter=reporter), source, wait)
        refresh_files(settings, store)
        report = _report(settings, store, source)
    _print_history(report)
    Console(stderr=True).print(f"{source}: {report.state}")
    raise typer.Exit(0 if report.state in ("accepted", "submitted") else 1)


def status() -> None:
    """How many reports are in which state, and those that are under way."""
    from collections import Counter

    from plugin.store.tns.reports import UNDER_WAY

    with _opened() as (settings, store), store.begin(to_read=True) as unit:
        found = unit.tns_reports.every(settings.tns_report_url)
    for state, number in sorted(Counter(one.state for one in found).items()):
        Console().print(f"{state:10} {number}")
    for one in found:
        if one.state in UNDER_WAY:
            said = one.history[-1]["said"] if one.history else ""
            Console().print(f"{one.target_id}  {one.state}  next {one.not_before:%H:%M:%S}  {said}", markup=False)


def _follow(sending: "Sending", source: str, seconds: float) -> None:
    """Go on until it has ended, or the time is over."""
    import time

    from plugin.store.tns.reports import ENDED
    from plugin.tns.reports.sending import SOON

    end = time.monotonic() + seconds
    while (report := sending.advance(source, early=True)) is not None:
        left = end - time.monotonic()
        if report.state in ENDED or report.state == "unknown" or left <= 0:
            return
        time.sleep(min(SOON.total_seconds() / 2, left))


@contextmanager
def _opened() -> "Iterator[tuple[Settings, Store]]":
    """The settings, and the database beside a service that may be running."""
    with prepared() as settings:
        from plugin.store import open_store

        with open_store(settings.database_url, marshal=settings.marshal()[0], beside=True) as store:
            yield settings, store


def _report(settings: "Settings", store: "Store", source: str) -> "TnsReport":
    with store.begin(to_read=True) as unit:
        found = unit.tns_reports.of(settings.tns_report_url, source)
    if found is None:
        _fail(f"there is no report about {source}")
    return found


def _print_history(report: "TnsReport") -> None:
    for step in report.history:
        Console(soft_wrap=True).print(f"{step['at']}  {step['state']:10} {step['said']}", markup=False)


def _fail(why: str) -> NoReturn:
    Console(stderr=True).print(why, style="red", markup=False)
    raise typer.Exit(1)
