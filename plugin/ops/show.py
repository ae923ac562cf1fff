"""What the terminal shows of checks, reports and posts. Everything from outside is escaped: rich has a markup."""

from collections.abc import Iterator, Mapping, Sequence

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table

from iris_client.protocols import Place
from models.domain import NEEDLE_CLASSES, Report
from plugin.cycle.spectra import because, jointly, matched
from plugin.drift.renewing import chosen_words
from plugin.ops import why
from plugin.ops.doctor import Check
from plugin.store import ASTRANET, KINDS, NEEDLE, Filed, Parcel, Piece, Store
from plugin.store.outbox import FOLLOWING
from plugin.store.tns.names import Known, in_words

_EPOCHS = 12


def check_line(check: Check) -> str:
    """One finding of the doctor."""
    mark = "[green]ok  [/]" if check.ok else "[red]FAIL[/]"
    remedy = f"\n       -> {escape(check.remedy)}" if check.remedy else ""
    return f"{mark} {check.name}: {escape(check.found)}{remedy}"


def on_file(store: Store, name: str) -> Iterator[RenderableType]:
    """Everything about a spectrum or source of this name."""
    with store.begin() as unit:
        every, pieces = unit.reports.named(name), unit.queue.of(name)
        lost = unit.reports.unreadable(name)
        filed, needle = ([f for f in every if f.producer == producer] for producer in (ASTRANET, NEEDLE))
        spectra, objects, requests = _by_kind(pieces)
        places = {Place(kind="source", id=f.target_id) for f in filed} | {Place(kind="source", id=name)}
        places |= {Place(kind="spectrum", id=piece.subject.id) for piece in spectra}
        places |= {Place(kind="analysis", id=piece.subject.id) for piece in requests}
        parcels = unit.outbox.at(sorted(places, key=lambda p: (p.kind, p.id)))
        sources = sorted({name, *(f.target_id for f in filed)})
        names = [known for source in sources for known in unit.names.history(source)]
    if not every and not pieces and not lost:
        yield f"nothing on file about {escape(name)}"
        return
    yield from (report(one) for one in filed)
    yield from (f"[yellow]a report cannot be read by this version:[/] {escape(reason)}" for reason in lost)
    yield from (needle_report(one) for one in needle)
    yield from _work_tables([one for one in requests if one.state != "done"])
    yield from _work_tables([one for one in objects if one.state not in ("done", "idle")])
    yield from _work_tables([one for one in spectra if one.state not in ("done", "superseded", "baseline")])
    if names:
        yield name_table(names)
    for known in names:
        if known.conflict is not None and known is [one for one in names if one.target_id == known.target_id][-1]:
            yield f"[yellow]people do not agree what {escape(known.target_id)} is:[/] {escape(known.conflict)}"
    for one in parcels:
        if one.body is not None and (words := jointly.in_words(one.body)) is not None:
            yield f"{escape(one.place.id)} {escape(words)}"
    if parcels:
        yield parcel_table(parcels)


def parked(store: Store) -> Iterator[RenderableType]:
    """What was set aside, and why."""
    with store.begin() as unit:
        pieces, parcels = unit.queue.parked(), unit.outbox.parked()
    if not pieces and not parcels:
        yield "nothing is parked"
        return
    yield from _work_tables(pieces)
    if parcels:
        yield parcel_table(parcels)
    yield "`astranet once --retry-parked` tries all of it again."


def refused(store: Store) -> Iterator[RenderableType]:
    """Spectra without a class, and objects without an answer of NEEDLE's; and why."""
    with store.begin() as unit:
        found, objects = unit.reports.refused(ASTRANET), unit.reports.refused(NEEDLE)
    table = Table("spectrum", "source", "observed", "reason", title=f"{len(found)} refused")
    for one in found:
        table.add_row(*map(_text, (one.subject.id, one.target_id, one.observed_at, one.report.reason)))
    yield table
    if objects:
        more = Table("object", "latest alert", "reason", title=f"{len(objects)} objects without an answer of NEEDLE's")
        for filed in objects:
            more.add_row(*map(_text, (filed.target_id, alert_of(filed.version), filed.report.reason)))
        yield more


def report(filed: Filed) -> RenderableType:
    """One report."""
    head = f"[bold]spectrum {escape(filed.subject.id)}[/] of {escape(filed.target_id)}"
    taken = f"observed {_text(filed.observed_at)}, {_text(filed.instrument)}; bundle {escape(filed.report.bundle)}"
    notes = [f"  {c.code}: {escape(c.text)}" for c in filed.report.caveats]
    notes += map(escape, _history(filed))
    matches = [f"  {escape(words)}" for words in matched.in_words(filed.report)]
    return Group(head, taken, _answer(filed.report), *matches, *why.match_tables(filed.report), *notes, "")


def _history(filed: Filed) -> Iterator[str]:
    """Why it was answered anew, and what was said before of the same version of the spectrum."""
    if (why_anew := because.because(filed)) is not None:
        yield f"  answered anew {filed.filed_at:%Y-%m-%d %H:%M}: {why_anew}"
    for one in because.earlier(filed):
        more = "" if one.because is None else f"; because {one.because}"
        yield f"  before, {one.at:%Y-%m-%d %H:%M}: {one.said} ({one.bundle}{more})"


def needle_report(filed: Filed) -> RenderableType:
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


def object_table(objects: Sequence[Piece]) -> Table:
    """Watched objects that are not answered."""
    table = Table("object", "latest alert", "state", "attempts", "last error", title="objects not answered")
    for o in objects:
        table.add_row(*map(_text, (o.target_id, alert_of(o.seen), o.state, o.attempts, o.reason)))
    return table


def request_table(requests: Sequence[Piece]) -> Table:
    """Analyses that somebody asked for and that are not answered; by a name from which no web hook can be found."""
    table = Table("request", "source", "state", "attempts", "last error", title="requests not answered")
    for r in requests:
        table.add_row(*map(_text, (r.subject.id, r.target_id, r.state, r.attempts, r.reason)))
    return table


def spectrum_table(spectra: Sequence[Piece]) -> Table:
    """Spectra that are not answered."""
    table = Table("spectrum", "source", "version", "state", "attempts", "last error", title="not answered")
    for s in spectra:
        table.add_row(*map(_text, (s.subject.id, s.target_id, s.version, s.state, s.attempts, s.reason)))
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
        reason = p.reason or _behind(p, parcels)
        table.add_row(*map(_text, (place, f"{p.origin} {p.kind}", p.state, p.attempts, _says(p), reason)))
    return table


def _behind(parcel: Parcel, others: Sequence[Parcel]) -> str | None:
    """That a post waits for one that is parked, if it does."""
    if parcel.state != "pending" or parcel.kind not in FOLLOWING:
        return None
    first = [p for p in others if (p.place, p.origin, p.kind) == (parcel.place, parcel.origin, "annotation")]
    return "waits for its annotation, which is parked" if any(p.state == "parked" for p in first) else None


def _work_tables(pieces: Sequence[Piece]) -> Iterator[Table]:
    spectra, objects, requests = _by_kind(pieces)
    if requests:
        yield request_table(requests)
    if spectra:
        yield spectrum_table(spectra)
    if objects:
        yield object_table(objects)


def _by_kind(pieces: Sequence[Piece]) -> tuple[list[Piece], ...]:
    return tuple([p for p in pieces if p.subject.kind == kind] for kind in KINDS)


def _answer(report: Report) -> RenderableType:
    verdict, confidence = report.verdict, report.confidence
    if verdict is None:
        return f"[yellow]not classified: {_text(report.reason)}[/]"
    table = _probabilities(verdict.probabilities, confidence.prediction_sets if confidence else {}, verdict.intervals)
    chosen = chosen_words(verdict.strategy, confidence.method if confidence else None)
    if chosen:
        table.title = f"called {verdict.label}; {', '.join(chosen)}"
    return table


def _probabilities(
    probabilities: Mapping[str, float],
    sets: Mapping[str, tuple[str, ...]],
    intervals: Mapping[str, tuple[float, float]] | None = None,
) -> Table:
    """Classes by falling probability; `intervals` are `p -+ sigma` over the networks, where they are known."""
    known = intervals or {}
    table = Table("class", "p", *(["p -+ sigma"] if known else []), *(f"set at {a}" for a in sets))
    for label, p in sorted(probabilities.items(), key=lambda item: -item[1]):
        low, high = known.get(label, (p, p))
        ends = [f"{low:.3f} to {high:.3f}"] if known else []
        table.add_row(label, f"{p:.4f}", *ends, *("in" if label in members else "" for members in sets.values()))
    return table


def _says(parcel: Parcel) -> str:
    if parcel.fault is not None:
        return "what is stored cannot be read"
    if parcel.body is None:
        return "nothing"
    found = [parcel.body.get(key) for key in ("class", "an_class", "label", "status", "text")]
    return str(next(value for value in found if value is not None))


def _text(value: object) -> str:
    return "" if value is None else escape(str(value))
