"""What vetters say of our alerts; who changes their mind has said both, and the last word counts."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal, get_args

from sqlalchemy import ColumnElement, select

from plugin.store.context import Context, storable
from plugin.store.rows import chunks
from plugin.store.truth.tables import verdicts

Verdict = Literal["interesting", "not", "artefact"]
VERDICTS: Final[tuple[Verdict, ...]] = get_args(Verdict)
_WHO: Final = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class Vetted:
    """What one vetter said of one alert.

    Parameters
    ----------
    bundle : str
        The model whose alert it was.
    """

    spectrum_id: str
    target_id: str
    who: str
    verdict: Verdict
    told_at: datetime
    bundle: str


@dataclass(frozen=True, slots=True)
class Verdicts:
    """The questions about verdicts."""

    context: Context

    def say(self, vetted: Vetted) -> bool:
        """Write a verdict down; False when it is what this vetter said last."""
        self.context.alone(f"verdict {vetted.spectrum_id}")
        who = storable(vetted.who)[:_WHO]
        last = next((one for one in reversed(self.history(vetted.spectrum_id)) if one.who == who), None)
        if last is not None and last.verdict == vetted.verdict:
            return False
        names = ("spectrum_id", "target_id", "verdict", "told_at", "bundle")
        row = {name: getattr(vetted, name) for name in names}
        self.context.connection.execute(verdicts.insert().values(marshal=self.context.marshal, who=who, **row))
        return True

    def history(self, spectrum_id: str) -> list[Vetted]:
        """Everything that was said of an alert, oldest first."""
        return self._list(verdicts.c.spectrum_id == spectrum_id)

    def last(self, spectrum_ids: Iterable[str]) -> dict[str, dict[str, Vetted]]:
        """The last word of each vetter, by spectrum and vetter."""
        found: dict[str, dict[str, Vetted]] = {}
        for some in chunks(spectrum_ids):
            for one in self._list(verdicts.c.spectrum_id.in_(some)):
                found.setdefault(one.spectrum_id, {})[one.who] = one
        return found

    def _list(self, which: ColumnElement[bool]) -> list[Vetted]:
        query = select(verdicts).where(verdicts.c.marshal == self.context.marshal, which)
        rows = self.context.connection.execute(query.order_by(verdicts.c.told_at, verdicts.c.id)).all()
        return [_vetted(row) for row in rows]


def agreed(said: Iterable[Vetted]) -> Verdict | None:
    """What vetters say together, by their last words; None when they do not agree."""
    words = {one.verdict for one in said}
    return words.pop() if len(words) == 1 else None


def _vetted(row: Any) -> Vetted:
    names = ("spectrum_id", "target_id", "who", "verdict", "told_at", "bundle")
    return Vetted(**{name: getattr(row, name) for name in names})
