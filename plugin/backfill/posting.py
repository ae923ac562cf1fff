"""Answers of a backfill into the outbox, once: filed as the service files its own. Delivery is the service's.

What the service has answered itself, or is about to, keeps the service's answer. People are told of nothing: what is
found in an archive is no news.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Final

from iris_client.protocols import Marshal, SpectrumStub
from models.domain import Report
from plugin.backfill import tables
from plugin.backfill.asked import Asked, analyst_of
from plugin.backfill.folder import FolderError, RunFolder
from plugin.backfill.pulled import pulled
from plugin.clock import Clock, utc_now
from plugin.cycle.posting import Post
from plugin.cycle.posts import enqueue
from plugin.cycle.spectra.producer import Card, KnownSpectrum, SpectraProducer, known_spectrum
from plugin.drift.renewing import in_use_by
from plugin.parts import make_card, posting
from plugin.settings import Settings
from plugin.store import Piece, Store, spectrum

REQUESTS: Final[Mapping[str, int]] = {"annotation": 1, "classification": 2, "comment": 2, "tag": 2}
"""Of a post that nothing of ours stands in the way of."""


class _OnlyLooking(Exception):
    """Rolls back what was filed to see what it would send."""


@dataclass(frozen=True, slots=True)
class Answered:
    """One answer of the run with the spectrum it is about."""

    known: KnownSpectrum
    report: Report


@dataclass(slots=True)
class Posted:
    """What is in the outbox because of it, or would be.

    Parameters
    ----------
    posts : Counter
        Posts that will be delivered, by kind and kind of place.
    spectra : int
        Answers that were filed.
    by_service : int
        Those that are left to the service's own answer.
    nowhere : int
        Those without an answer, or without a version by which the marshal knows them.
    """

    posts: Counter[tuple[str, str]] = field(default_factory=Counter)
    spectra: int = 0
    by_service: int = 0
    nowhere: int = 0

    @property
    def requests(self) -> int:
        """How many the marshal must be asked, at least."""
        return sum(REQUESTS.get(kind, 1) * number for (kind, _), number in self.posts.items())

    def lines(self, per_second: float, *, is_filed: bool) -> Iterator[str]:
        """In words."""
        verb = "are filed" if is_filed else "would be filed"
        yield f"{self.spectra} answers {verb}; {self.by_service} spectra keep the service's own answer"
        if self.nowhere:
            yield f"{self.nowhere} spectra have no answer to post"
        for (kind, place), number in sorted(self.posts.items()):
            yield f"{number:8d}  {kind} on {place}"
        minutes = self.requests / per_second / 60
        yield f"{self.requests} requests or more, {minutes:.0f} min at {per_second:g} a second"


def make_producer(settings: Settings, marshal: Marshal, store: Store, asked: Asked, *, really: bool) -> SpectraProducer:
    """What files answers by the service's settings; only to look it draws nothing.

    Raises
    ------
    FolderError
        If the service answers by a calibration of its own: these answers are by the bundle's.
    OtherModels, BundleError
        See `analyst_of`.
    """
    with store.begin(to_read=True) as unit:
        local = in_use_by(settings, unit).local
    if local is not None:
        raise FolderError(f"the service answers by its own calibration {local}, and these answers are by the bundle's")
    analyst = analyst_of(asked)[0]
    card: Card | None = None
    if settings.post_cards:
        card = make_card(analyst, settings.alpha) if really else _no_picture
    return SpectraProducer(
        marshal=marshal,
        analyst=analyst,
        # An alert tells people of news, and an archive is none.
        posting=replace(posting(settings, analyst), messages=False),
        rules=asked.rules,
        secrets=settings.secrets,
        card=card,
        drawn=analyst.sketch if really else None,
        matched=analyst.matched if really else None,
        looking=analyst.looked if really else None,
    )


def _no_picture(*_: object, **__: object) -> bytes:
    return b""


def post(
    folder: RunFolder,
    asked: Asked,
    producer: SpectraProducer,
    store: Store,
    *,
    really: bool,
    clock: Clock = utc_now,
    advance: Callable[[int], None] = lambda _: None,
) -> Posted:
    """File every answer of a finished run and say what should hang where, a source at a time; each spectrum once.

    Parameters
    ----------
    producer : SpectraProducer
        As `make_producer` makes it.
    really : bool
        False: everything is tried and rolled back.

    Raises
    ------
    FolderError
        If the run is not of a marshal, or not finished.
    """
    manifest = folder.manifest or {}
    if "marshal" not in manifest.get("input", {}):
        raise FolderError("only answers about a marshal's spectra can be posted: a file has no place there")
    plan = list(folder.plan())
    left = len(plan) - len(folder.finished())
    if left:
        raise FolderError(f"{left} partitions are not finished; what is posted is all or nothing of a run")
    found = Posted()
    for partition in plan:
        answers = _answers(folder, partition.name, asked, found)
        for source, of_source in groupby(answers, lambda one: one.known.target.target_id):
            several = list(of_source)
            with suppress(_OnlyLooking):
                _file(source, several, producer, store, found, clock, really=really)
            advance(len(several))
    return found


def _answers(folder: RunFolder, name: str, asked: Asked, found: Posted) -> Iterator[Answered]:
    said = {row["place"]: row["report"] for row in tables.rows(folder.answer_of(name), ["place", "report"])}
    for place, one in enumerate(pulled(folder.input_of(name))):
        text = said[place]
        if text is None or one.raw.trouble is not None or one.raw.modified is None:
            found.nowhere += 1
            continue
        known = known_spectrum(one.raw, one.target, asked.rules, light_curve=one.curve_of)
        yield Answered(known, Report.from_json(text))


def _file(
    source: str,
    answers: Iterable[Answered],
    producer: SpectraProducer,
    store: Store,
    found: Posted,
    clock: Clock,
    *,
    really: bool,
) -> None:
    """One source's answers, all or none."""
    several = list(answers)
    wanted = _open(several, store, clock)  # a card takes as long as many answers: none is drawn to be thrown away
    drafts = [(piece := _piece(one), producer.draft(piece, one.known, one.report), one) for one in wanted]
    here, filed, left = dict[tuple[str, str, str], Post](), 0, len(several) - len(wanted)
    with store.begin() as unit:
        unit.reports.lock_target(source)
        for piece, draft, one in drafts:
            if not unit.spectra.close(_stub(one), clock()):
                left += 1
                continue
            filed += 1
            for each in enqueue(unit, producer.file(unit, piece, draft), clock()):
                here[each.kind, each.place.kind, each.place.id] = each
        if not really:
            _count(found, here.values(), filed, left)
            raise _OnlyLooking
    _count(found, here.values(), filed, left)


def _open(answers: list[Answered], store: Store, clock: Clock) -> list[Answered]:
    """Those whose spectra the service has not answered, as it is now."""
    found: list[Answered] = []
    with suppress(_OnlyLooking), store.begin() as unit:
        found += [one for one in answers if unit.spectra.close(_stub(one), clock())]
        raise _OnlyLooking
    return found


def _count(found: Posted, posts: Iterable[Post], filed: int, left: int) -> None:
    """Of posts at one place the last counts: so it is with their delivery."""
    found.posts.update((each.kind, each.place.kind) for each in posts)
    found.spectra += filed
    found.by_service += left


def _stub(one: Answered) -> SpectrumStub:
    raw = one.known.raw
    return SpectrumStub(
        spectrum_id=raw.spectrum_id,
        target_id=one.known.target.target_id,
        modified=str(raw.modified),
        kind=raw.kind,
        group_ids=raw.group_ids,
    )


def _piece(one: Answered) -> Piece:
    return Piece(
        id=0,
        subject=spectrum(one.known.raw.spectrum_id),
        target_id=one.known.target.target_id,
        version=str(one.known.raw.modified),
        seen="",
        asked=0,
        state="done",
        attempts=0,
    )
