"""What the terminal shows of checks, reports and posts. Everything from outside is escaped: rich has a markup."""

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table

from iris_client.protocols import Place
from models.domain import Report
from plugin.doctor import Check
from plugin.store import Filed, Parcel, Store, Task


def check_line(check: Check) -> str:
    """One finding of the doctor."""
    mark = "[green]ok  [/]" if check.ok else "[red]FAIL[/]"
    remedy = f"\n       -> {escape(check.remedy)}" if check.remedy else ""
    return f"{mark} {check.name}: {escape(check.found)}{remedy}"


def on_file(store: Store, name: str) -> Iterator[RenderableType]:
    """Everything about a spectrum or source of this name."""
    with store.begin() as unit:
        filed, tasks = unit.reports.of(name), unit.tasks.of(name)
        places = {Place(kind="source", id=f.target_id) for f in filed} | {Place(kind="source", id=name)}
        places |= {Place(kind="spectrum", id=t.spectrum_id) for t in tasks}
        parcels = unit.outbox.at(sorted(places, key=lambda p: (p.kind, p.id)))
    if not filed and not tasks:
        yield f"nothing on file about {escape(name)}"
        return
    yield from (report(one) for one in filed)
    waiting = [task for task in tasks if task.state not in ("done", "superseded", "baseline")]
    if waiting:
        yield task_table(waiting)
    if parcels:
        yield parcel_table(parcels)


def parked(store: Store) -> Iterator[RenderableType]:
    """What was set aside, and why."""
    with store.begin() as unit:
        tasks, parcels = unit.tasks.parked(), unit.outbox.parked()
    if not tasks and not parcels:
        yield "nothing is parked"
        return
    if tasks:
        yield task_table(tasks)
    if parcels:
        yield parcel_table(parcels)
    yield "`astranet once --retry-parked` tries all of it again."


def refused(store: Store) -> Iterator[RenderableType]:
    """Spectra without a class, and why."""
    with store.begin() as unit:
        found = unit.reports.refused()
    table = Table("spectrum", "source", "observed", "reason", title=f"{len(found)} refused")
    for one in found:
        table.add_row(*map(_text, (one.spectrum_id, one.target_id, one.observed_at, one.report.reason)))
    yield table


def report(filed: Filed) -> RenderableType:
    """One report."""
    head = f"[bold]spectrum {escape(filed.spectrum_id)}[/] of {escape(filed.target_id)}"
    taken = f"observed {_text(filed.observed_at)}, {_text(filed.instrument)}; bundle {escape(filed.report.bundle)}"
    notes = [f"  {c.code}: {escape(c.text)}" for c in filed.report.caveats]
    return Group(head, taken, _answer(filed.report), *notes, "")


def task_table(tasks: Sequence[Task]) -> Table:
    """Spectra that are not answered."""
    table = Table("spectrum", "source", "version", "state", "attempts", "last error", title="not answered")
    for t in tasks:
        table.add_row(*map(_text, (t.spectrum_id, t.target_id, t.modified, t.state, t.attempts, t.last_error)))
    return table


def parcel_table(parcels: Sequence[Parcel]) -> Table:
    """Posts and what became of them."""
    table = Table("place", "kind", "state", "attempts", "says", "last error", title="posts")
    for p in parcels:
        place = f"{p.place.kind} {p.place.id}"
        table.add_row(*map(_text, (place, p.kind, p.state, p.attempts, _says(p), p.last_error)))
    return table


def _answer(report: Report) -> RenderableType:
    verdict, confidence = report.verdict, report.confidence
    if verdict is None:
        return f"[yellow]not classified: {_text(report.reason)}[/]"
    table = Table("class", "p", *(f"set at {a}" for a in (confidence.prediction_sets if confidence else ())))
    sets = confidence.prediction_sets.values() if confidence else ()
    for label, p in sorted(verdict.probabilities.items(), key=lambda item: -item[1]):
        table.add_row(label, f"{p:.4f}", *("in" if label in members else "" for members in sets))
    return table


def _says(parcel: Parcel) -> str:
    if parcel.body is None:
        return "nothing"
    found = [parcel.body.get(key) for key in ("class", "an_class", "label", "status", "text")]
    return str(next(value for value in found if value is not None))


def _text(value: object) -> str:
    return "" if value is None else escape(str(value))
