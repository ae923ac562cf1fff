"""Which nights one note is about: one, or the seven of a week from Monday to Sunday."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from plugin.notes.night import Night

Every = Literal["day", "week"]
MOST: Final = 31
"""Periods that are made up for at once; what is older is no news."""
_DAY: Final = timedelta(days=1)
_BETWEEN: Final = "_"


@dataclass(frozen=True, slots=True, order=True)
class Period:
    """Nights from the first to the last one, both included."""

    first: Night
    last: Night

    @classmethod
    def around(cls, night: Night, every: Every) -> "Period":
        """The period that a night belongs to."""
        if every == "day":
            return cls(night, night)
        monday = night.day - night.day.weekday() * _DAY
        return cls(Night(monday), Night(monday + 6 * _DAY))

    @classmethod
    def before(cls, moment: datetime, every: Every) -> "Period":
        """The last one that is over at `moment`."""
        night = Night.before(moment)
        period = cls.around(night, every)
        return period if period.last == night else cls.around(Night(period.first.day - _DAY), every)

    @classmethod
    def parse(cls, text: str) -> "Period":
        """Read what `str` wrote.

        Raises
        ------
        ValueError
            If it is none.
        """
        first, between, last = text.partition(_BETWEEN)
        period = cls(Night.parse(first), Night.parse(last if between else first))
        if period.last < period.first or str(period) != text:
            raise ValueError(f"{text!r} is neither a night nor two of them in order")
        return period

    def after(self, every: Every) -> "Period":
        """The one that follows."""
        return Period.around(Night(self.last.day + _DAY), every)

    @property
    def start(self) -> datetime:
        """12:00 UTC on the first day."""
        return self.first.start

    @property
    def end(self) -> datetime:
        """12:00 UTC on the day after the last one, not part of it."""
        return self.last.end

    @property
    def nights(self) -> str:
        """As in "spectra of the night 2026-06-10 UT"."""
        one = self.first == self.last
        return f"night {self.first} UT" if one else f"nights {self.first} to {self.last} UT"

    def __str__(self) -> str:
        return str(self.first) if self.first == self.last else f"{self.first}{_BETWEEN}{self.last}"


def due(done: str | None, now: datetime, every: Every) -> list[Period]:
    """The periods to be written, oldest first: those that are over and end after `done`.

    Parameters
    ----------
    done : str or None
        The last night that was written about; None before the first note, which is about the last period alone.
    """
    last = Period.before(now, every)
    if done is None:
        return [last]
    found = []
    period = Period.around(Night(Night.parse(done).day + _DAY), every)
    while period <= last:
        found.append(period)
        period = period.after(every)
    return found[-MOST:]
