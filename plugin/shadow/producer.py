"""A producer whose answers are accompanied by those of another bundle, which are filed and never posted."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import structlog

from models.domain import Report, Target
from plugin.cycle.poison import why
from plugin.cycle.posting import Post
from plugin.cycle.producer import Draft
from plugin.cycle.spectra.producer import Analyst, KnownSpectrum, SpectraProducer
from plugin.store import Piece, Subject, Unit
from plugin.store.subject import Kind

_log = structlog.get_logger("astranet.shadow")

SHADOW: Final = "shadow"
"""Under which its reports are on file."""

Both = tuple[Report, Report | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shadowed:
    """A `plugin.cycle.producer.Producer`: the live one, and an analyst whose answers go to the store alone.

    Whatever breaks in the shadow is logged, and leaves the live answer as it is.
    """

    live: SpectraProducer
    analyst: Analyst

    @property
    def name(self) -> str:
        """The live one's."""
        return self.live.name

    @property
    def kind(self) -> Kind:
        """The live one's."""
        return self.live.kind

    @property
    def tries(self) -> int:
        """The live one's."""
        return self.live.tries

    def fetch(self, piece: Piece, targets: dict[str, Target]) -> KnownSpectrum:
        """Read once for both."""
        return self.live.fetch(piece, targets)

    def answer(self, known: Sequence[KnownSpectrum]) -> list[Both]:
        """Each with what the shadow says; None where it could not answer."""
        answers = self.live.answer(known)
        try:
            others: list[Report | None] = list(self.analyst.run_many([one.item for one in known]))
        except Exception as error:
            why("the shadow", error, self.live.secrets)
            others = [None] * len(answers)
        return list(zip(answers, others, strict=True))

    def draft(self, piece: Piece, known: KnownSpectrum, answer: Both) -> "ShadowedDraft":
        """The live draft, and the shadow's report beside it."""
        live, other = answer
        draft = self.live.draft(piece, known, live)
        named = None
        if other is not None:
            named = replace(other, target_id=draft.filed.target_id, spectrum_id=piece.subject.id)
        return ShadowedDraft(filed=draft.filed, posts=draft.posts, seen=draft.seen, other=named)

    def file(self, unit: Unit, piece: Piece, draft: Draft) -> list[Post]:
        """Both reports; the posts are those of the live one."""
        posts = self.live.file(unit, piece, draft)
        other = draft.other if isinstance(draft, ShadowedDraft) else None
        if other is None:
            unit.reports.retire(piece.subject, SHADOW)
        else:
            unit.reports.put(replace(draft.filed, producer=SHADOW, report=other, facts={}))
        return posts

    def withdraw(self, unit: Unit, subject: Subject, target_id: str) -> list[Post]:
        """Neither counts any more."""
        unit.reports.retire(subject, SHADOW)
        return self.live.withdraw(unit, subject, target_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowedDraft(Draft):
    """A draft with what the shadow says."""

    other: Report | None = None
