"""Which night a moment belongs to: a night runs from noon to noon UTC and is named after the date it begins on."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

_NOON = time(12, tzinfo=UTC)
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, order=True)
class Night:
    """Twenty-four hours from 12:00 UTC on `day`: one Julian day, so no moment is in two nights or in none.

    Parameters
    ----------
    day : date
        The UT date on which the night begins.
    """

    day: date

    @classmethod
    def of(cls, moment: datetime) -> "Night":
        """The night `moment` belongs to; a moment without a time zone is UTC."""
        aware = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        return cls((aware - timedelta(hours=12)).date())

    @classmethod
    def before(cls, moment: datetime) -> "Night":
        """The last night that is over at `moment`."""
        return cls(cls.of(moment).day - _DAY)

    @classmethod
    def parse(cls, text: str) -> "Night":
        """Read `2026-06-10`.

        Raises
        ------
        ValueError
            If `text` is not a date.
        """
        return cls(date.fromisoformat(text))

    @property
    def start(self) -> datetime:
        """12:00 UTC on the day."""
        return datetime.combine(self.day, _NOON)

    @property
    def end(self) -> datetime:
        """12:00 UTC on the next day, not part of the night."""
        return self.start + _DAY

    def __str__(self) -> str:
        return self.day.isoformat()
