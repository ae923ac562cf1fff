"""What the terminal shows of checks, reports and posts. Everything from outside is escaped: rich has a markup."""

from collections.abc import Iterator, Mapping, Sequence

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table

from iris_client.protocols import Place
from models.domain import NEEDLE_CLASSES, Report
from plugin.ops.doctor import Check
from plugin.store import Filed, ObjectFiled, Parcel, Store, Task, Watched
from plugin.store.tns_names import Known, in_words

_EPOCHS = 12


def check_line(check: Check) -> str:
    """One finding of the doctor."""
    mark = "[green]ok  [/]" if check.ok else "[red]FAIL[/]"
    remedy = f"\n       -> {escape(check.remedy)}" if check.remedy else ""
    return f"{mark} {check.name}: {escape(check.found)}{remedy}"


def on_file(store: Store, name: str) -> Iterator[RenderableType]:
    """Everything about a spectrum or source of this name."""
    with store.begin() as unit:
        filed, tasks = unit.reports.of(name), unit.tasks.of(name)
        lost = unit.reports.unreadable(name)
        needle, watched = unit.object_reports.of(name), unit.objects.of(name)
        places = {Place(kind="source", id=f.target_id) for f in filed} | {Place(kind="source", id=name)}
        places |= {Place(kind="spectrum", id=t.spectrum_id) for t in tasks}
        parcels = unit.outbox.at(sorted(places, key=lambda p: (p.kind, p.id)))
        sources = sorted({name, *(f.target_id for f in filed)})
        names = [known for source in sources for known in unit.names.history(source)]
    if not filed and not tasks and needle is None and watched is None:
        yield f"nothing on file about {escape(name)}"
        return
    yield from (report(one) for one in filed)
    yield from (f"[yellow]a report cannot be read by this version:[/] {escape(reason)}" for reason in lost)
    if needle is not None:
        yield needle_report(needle)
    if watched is not None and watched.state not in ("done", "idle"):
        yield object_table([watched])
    waiting = [task for task in tasks if task.state not in ("done", "superseded", "baseline")]
    if waiting:
        yield task_table(waiting)
    if names:
        yield name_table(names)
    if parcels:
        yield parcel_table(parcels)


def parked(store: Store) -> Iterator[RenderableType]:
    """What was set aside, and why."""
    with store.begin() as unit:
        tasks, objects, parcels = unit.tasks.parked(), unit.objects.parked(), unit.outbox.parked()
    if not tasks and not objects and not parcels:
        yield "nothing is parked"
        return
    if tasks:
        yield task_table(tasks)
    if objects:
        yield object_table(objects)
    if parcels:
        yield parcel_table(parcels)
    yield "`astranet once --retry-parked` tries all of it again."


def refused(store: Store) -> Iterator[RenderableType]:
    """Spectra without a class, and objects without an answer of NEEDLE's; and why."""
    with store.begin() as unit:
        found, objects = unit.reports.refused(), unit.object_reports.refused()
    table = Table("spectrum", "source", "observed", "reason", title=f"{len(found)} refused")
    for one in found:
        table.add_row(*map(_text, (one.spectrum_id, one.target_id, one.observed_at, one.report.reason)))
    yield table
    if objects:
        more = Table("object", "latest alert", "reason", title=f"{len(objects)} objects without an answer of NEEDLE's")
        for filed in objects:
            more.add_row(*map(_text, (filed.target_id, alert_of(filed.version), filed.report.reason)))
        yield more


def report(filed: Filed) -> RenderableType:
    """One report."""
    head = f"[bold]spectrum {escape(filed.spectrum_id)}[/] of {escape(filed.target_id)}"
    taken = f"observed {_text(filed.observed_at)}, {_text(filed.instrument)}; bundle {escape(filed.report.bundle)}"
    notes = [f"  {c.code}: {escape(c.text)}" for c in filed.report.caveats]
    return Group(head, taken, _answer(filed.report), *notes, "")


def needle_report(filed: ObjectFiled) -> RenderableType:
    """One report of NEEDLE's."""
    head = f"[bold]NEEDLE on {escape(filed.target_id)}[/], latest alert {escape(alert_of(filed.version))}"
    known = ", ".join(f"{name} {value}" for name, value in filed.facts.items())
    notes = [f"  {c.code}: {escape(c.text)}" for c in filed.report.caveats]
    verdict = filed.report.host_verdict
    if verdict is None:
        said: RenderableType = f"[yellow]not classified: {_text(filed.report.reason)}[/]"
    else:
        said = _probabilities(verdict.probabilities, verdict.prediction_sets)
    then = [] if verdict is None or not verdict.history else [history_table(verdict.history)]
    return Group(head, f"{escape(known)}; model {escape(filed.report.bundle)}", said, *then, *notes, "")


def history_table(rows: Sequence[Sequence[float]]) -> Table:
    """The scores as they would have been at each of the latest detections."""
    table = Table("MJD", *NEEDLE_CLASSES, title="as it would have been seen then", title_justify="left")
    for row in rows[-_EPOCHS:]:
        table.add_row(f"{row[0]:.2f}", *(f"{p:.2f}" for p in row[1:]))
    return table


def alert_of(version: str) -> str:
    """A version in words: time and number of an alert."""
    mjd, _, candid = version.partition(" ")
    return f"{candid} of MJD {mjd}" if candid else "none"


def object_table(objects: Sequence[Watched]) -> Table:
    """Watched objects that are not answered."""
    table = Table("object", "latest alert", "state", "attempts", "last error", title="objects not answered")
    for o in objects:
        table.add_row(*map(_text, (o.target_id, alert_of(o.version), o.state, o.attempts, o.last_error)))
    return table


def task_table(tasks: Sequence[Task]) -> Table:
    """Spectra that are not answered."""
    table = Table("spectrum", "source", "version", "state", "attempts", "last error", title="not answered")
    for t in tasks:
        table.add_row(*map(_text, (t.spectrum_id, t.target_id, t.modified, t.state, t.attempts, t.last_error)))
    return table


def name_table(names: Sequence[Known]) -> Table:
    """What the TNS calls a source, and what it called it before."""
    table = Table("source", "since", "TNS name", "redshift", "told by", "asked last", title="on the TNS")
    for known in names:
        one = known.name
        said = (None, None) if one is None else (one.redshift, one.source)
        times = [f"{when:%Y-%m-%d %H:%M}" for when in (known.since, known.asked_at)]
        table.add_row(*map(_text, (known.target_id, times[0], in_words(one), *said, times[1])))
    return table


def parcel_table(parcels: Sequence[Parcel]) -> Table:
    """Posts and what became of them."""
    table = Table("place", "kind", "state", "attempts", "says", "last error", title="posts")
    for p in parcels:
        place = f"{p.place.kind} {p.place.id}"
        table.add_row(*map(_text, (place, f"{p.origin} {p.kind}", p.state, p.attempts, _says(p), p.last_error)))
    return table


def _answer(report: Report) -> RenderableType:
    verdict, confidence = report.verdict, report.confidence
    if verdict is None:
        return f"[yellow]not classified: {_text(report.reason)}[/]"
    return _probabilities(verdict.probabilities, confidence.prediction_sets if confidence else {})


def _probabilities(probabilities: Mapping[str, float], sets: Mapping[str, tuple[str, ...]]) -> Table:
    table = Table("class", "p", *(f"set at {a}" for a in sets))
    for label, p in sorted(probabilities.items(), key=lambda item: -item[1]):
        table.add_row(label, f"{p:.4f}", *("in" if label in members else "" for members in sets.values()))
    return table


def _says(parcel: Parcel) -> str:
    if parcel.body is None:
        return "nothing"
    found = [parcel.body.get(key) for key in ("class", "an_class", "label", "status", "text")]
    return str(next(value for value in found if value is not None))


def _text(value: object) -> str:
    return "" if value is None else escape(str(value))
