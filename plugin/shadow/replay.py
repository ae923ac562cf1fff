"""A night again: what would be posted today about the spectra that were answered then, against what was.

Everything is read anew from the marshal, in the quiet: nothing is filed, nothing is posted.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from iris_client.errors import NotFound
from models.domain import Target
from plugin.cycle.posting import Body
from plugin.cycle.spectra import compose
from plugin.cycle.spectra.producer import SpectraProducer
from plugin.store import ASTRANET, Filed, Piece, Store

BATCH = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """One spectrum of the night.

    Parameters
    ----------
    before, after : mapping or None
        The annotation as the report on file has it, and as it would be now; None where nothing would hang there.
    gone : bool
        Whether the spectrum is no longer there, or not ours to see.
    """

    target_id: str
    spectrum_id: str
    before: Body | None
    after: Body | None
    gone: bool = False

    @property
    def changed(self) -> dict[str, tuple[object, object]]:
        """Key by key what was and what would be; None for what is absent."""
        old, new = self.before or {}, self.after or {}
        return {k: (old.get(k), new.get(k)) for k in sorted({*old, *new}) if old.get(k) != new.get(k)}


def replay(store: Store, producer: SpectraProducer, start: datetime, end: datetime) -> Iterator[Replayed]:
    """Answer every spectrum of a night again.

    Parameters
    ----------
    producer : SpectraProducer
        With the marshal, the models and the settings of today.
    start, end : datetime
        When the spectra were answered, naive UTC.

    Raises
    ------
    UpstreamError
        If the marshal does not answer.
    """
    with store.begin(to_read=True) as unit:
        found = unit.reports.filed_between(start, end, ASTRANET)
    for at in range(0, len(found), BATCH):
        yield from _batch(producer, found[at : at + BATCH])


def _batch(producer: SpectraProducer, found: list[Filed]) -> Iterator[Replayed]:
    targets: dict[str, Target] = {}
    read, gone = [], []
    for filed in found:
        piece = _piece(filed)
        try:
            read.append((filed, piece, producer.fetch(piece, targets)))
        except NotFound:
            gone.append(filed)
    answers = producer.answer([known for _, _, known in read]) if read else []
    for (filed, piece, known), answer in zip(read, answers, strict=True):
        draft = producer.draft(piece, known, answer)
        yield _replayed(filed, compose.on_spectrum(draft.filed, producer.posting).body, producer)
    for filed in gone:
        yield _replayed(filed, None, producer, gone=True)


def _replayed(filed: Filed, after: Body | None, producer: SpectraProducer, *, gone: bool = False) -> Replayed:
    before = compose.on_spectrum(filed, producer.posting).body
    return Replayed(target_id=filed.target_id, spectrum_id=filed.subject.id, before=before, after=after, gone=gone)


def _piece(filed: Filed) -> Piece:
    return Piece(
        id=0,
        subject=filed.subject,
        target_id=filed.target_id,
        version=filed.version,
        seen="",
        asked=0,
        state="claimed",
        attempts=0,
    )
