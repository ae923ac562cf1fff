"""Answers given by a bundle, calibration or strategy that answers no more: which they are, and how they are renewed.

A renewal is work in the queue like any other, one each so many seconds, the newest answers first, after everything that
is new. Who stops the service in the middle of it stops nothing else: the rest is in the queue.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import structlog

from plugin.clock import Clock, stamp, utc_now
from plugin.store import Store, Unit
from plugin.store.renewals import GivenBy

if TYPE_CHECKING:
    from models.card_fields import BundleCard
    from plugin.settings import Settings

_log = structlog.get_logger("astranet.calibration")
PER_HOUR: Final = 120
"""A thirtieth of what one token may ask of SkyPortal, with the requests that a renewal takes."""
CURSOR: Final = "renewed for"
STRATEGY, SETS = "within_seed", "lac"
"""What every version did that knew no other way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InUse:
    """What answers now.

    Parameters
    ----------
    bundle : str
        Id of the model.
    shipped : tuple of str or None
        Id and date of the bundle's own calibration; None where only the bundle can be compared.
    local : str or None
        The adopted calibration that answers instead.
    since : datetime or None
        When that was adopted.
    strategy, sets : str
        How the class is chosen and the sets are made.
    """

    bundle: str
    shipped: tuple[str, str] | None = None
    local: str | None = None
    since: datetime | None = None
    strategy: str = STRATEGY
    sets: str = SETS

    def gave(self, one: GivenBy) -> bool:
        """Whether an answer is by what answers now."""
        if one.bundle != self.bundle or not self._chose(one):
            return False
        if one.calibration is None or self.shipped is None:
            return True
        if self.local is None:
            return (one.calibration, one.calibrated) == self.shipped
        if one.calibration == self.local:
            return True
        # A local calibration leaves sets at a known redshift as shipped: they keep that name, with another date.
        at_redshift = one.calibration == self.shipped[0] and one.calibrated != self.shipped[1]
        return at_redshift and self.since is not None and one.filed_at >= self.since

    def _chose(self, one: GivenBy) -> bool:
        """Whether its class and sets were made in the way of now. A refusal has neither."""
        refused = one.calibration is None
        return refused or (one.strategy or STRATEGY, one.sets or SETS) == (self.strategy, self.sets)

    @property
    def calibration(self) -> str | None:
        """Its calibration's name."""
        return self.local or (None if self.shipped is None else self.shipped[0])

    @property
    def words(self) -> str:
        """Both names."""
        parts = [self.bundle] + ([] if self.calibration is None else [f"calibration {self.calibration}"])
        return ", ".join(parts + chosen_words(self.strategy, self.sets))


def in_use(
    unit: Unit, bundle_id: str, card: "BundleCard | None", *, off: bool, strategy: str = STRATEGY, sets: str = SETS
) -> InUse:
    """What answers, by the bundle and what is adopted; `off` where adopted calibrations do not answer."""
    if card is None:
        return InUse(bundle=bundle_id, strategy=strategy, sets=sets)
    section: Any = card["calibration"]
    found = InUse(bundle=bundle_id, shipped=(str(section["id"]), str(section["date"])), strategy=strategy, sets=sets)
    adopted = None if off else unit.calibrations.adopted()
    if adopted is None or adopted.bundle != bundle_id:
        return found
    return replace(found, local=adopted.calibration_id, since=adopted.adopted_at)


def in_use_by(settings: "Settings", unit: Unit) -> InUse:
    """What answers by the settings, from the card alone.

    Raises
    ------
    BundleError
        If the bundle is damaged.
    """
    from models.bundle import SHIPPED, verify
    from models.card_fields import bundle_id

    card = verify(settings.bundle or SHIPPED)
    off = settings.recalibrate == "off"
    return in_use(unit, bundle_id(card), card, off=off, strategy=settings.strategy, sets=settings.sets)


def chosen_words(strategy: str | None, sets: str | None) -> list[str]:
    """Strategy and sets where they are not the usual ones."""
    named = [] if strategy in (None, STRATEGY) else [f"strategy {strategy}"]
    return named if sets in (None, SETS) else [*named, f"sets {sets}"]


def older_sentence(settings: "Settings", unit: Unit) -> str | None:
    """How many answers are older than what answers now, and what to do; None where none is."""
    older = unit.renewals.older(in_use_by(settings, unit).gave)
    if not older:
        return None
    waiting = sum(one.waits for one in older)
    are = f"{len(older)} answers are" if len(older) > 1 else "1 answer is"
    wait = f", {waiting} of them in the queue already" if waiting else ""
    return f"{are} by another bundle or calibration{wait}; `astranet renew` shows and renews them"


def preview(older: Sequence[GivenBy], now: InUse, *, per_hour: int, at: datetime) -> Iterator[str]:
    """What is older than what answers now, by what, how old, and what renewing it takes; in lines."""
    yield f"in use: {now.words}"
    if not older:
        yield "every answer is by it"
        return
    by = Counter(map(_by, older))
    for name, number in by.most_common():
        filed = [one.filed_at for one in older if _by(one) == name]
        yield f"{number} by {name}: {_days(at - max(filed))} to {_days(at - min(filed))} old"
    waiting = sum(one.waits for one in older)
    if waiting:
        yield f"{waiting} of them are in the queue already"
    if number := len(older) - waiting:
        yield (
            f"to renew {number}: {2 * number} requests to read them, and up to two more for each whose answer changes; "
            f"{hours_long(number, per_hour)} at {per_hour} an hour"
        )


def _by(one: GivenBy) -> str:
    """Who gave an answer, in words."""
    if one.calibration is None:
        return f"{one.bundle} (not classified)"
    return ", ".join([one.bundle, f"calibration {one.calibration}", *chosen_words(one.strategy, one.sets)])


def hours_long(number: int, per_hour: int) -> str:
    """How long it takes, in words."""
    hours = number / per_hour
    return f"{hours * 60:.0f} min" if hours < 2 else f"{hours:.1f} h" if hours < 48 else f"{hours / 24:.1f} days"


def renew_older(unit: Unit, now: InUse, *, per_hour: int, at: datetime, since: datetime | None = None) -> int:
    """Put what is older into the queue, and take out what is no longer; what waits keeps its turn. Returns how many."""
    unit.renewals.settle(now.gave)
    older = unit.renewals.older(now.gave, since)
    return unit.renewals.put((one for one in older if not one.waits), at, timedelta(hours=1) / per_hour)


def _days(age: timedelta) -> str:
    days = age / timedelta(days=1)
    return f"{days * 24:.1f} h" if days < 2 else f"{days:.0f} days"


@dataclass(slots=True, kw_only=True)
class RenewingPart:
    """Renews the answers of the last days by itself, once for each change of bundle or calibration.

    Parameters
    ----------
    analyst : object
        Who answers, with a `bundle_id`; None in a process that does not.
    days : float
        How far back; 0 renews nothing by itself.
    off : bool
        Whether adopted calibrations do not answer.
    """

    store: Store
    analyst: Any
    days: float
    off: bool
    clock: Clock = utc_now
    _seen: tuple[str, str | None] | None = field(default=None, init=False)

    def before_cycle(self) -> int:
        """Look whether something else answers than in the last cycle; returns how many answers are to be renewed."""
        if not self.days or self.analyst is None:
            return 0
        try:
            return self._look()
        except Exception as error:  # a fault here must not keep any answer from being given
            _log.error("older answers cannot be renewed", reason=type(error).__name__, exc_info=error)
            return 0

    def _look(self) -> int:
        local = getattr(self.analyst, "calibration", None)
        strategy, sets = (str(getattr(self.analyst, n, usual)) for n, usual in (("strategy", STRATEGY), ("sets", SETS)))
        chosen = "".join(f", {words}" for words in chosen_words(strategy, sets))
        answers = (str(self.analyst.bundle_id) + chosen, None if local is None else str(local.calibration_id))
        # Only a process that meets the change itself acts on it: while one of the old version works beside one of the
        # new, neither renews what the other has answered.
        if answers == self._seen:
            return 0
        now = self.clock()
        with self.store.leading("renew") as ours:
            if not ours:
                return 0
            with self.store.begin() as unit:
                card = getattr(getattr(self.analyst, "bundle", None), "card", None)
                name = hashlib.sha256(repr(answers).encode()).hexdigest()[:16]
                count = 0
                if not (unit.watermarks.get(CURSOR) or "").endswith(f" {name}"):
                    off = self.off or local is None
                    in_place = in_use(unit, str(self.analyst.bundle_id), card, off=off, strategy=strategy, sets=sets)
                    since = now - timedelta(days=self.days)
                    count = renew_older(unit, in_place, per_hour=PER_HOUR, at=now, since=since)
                    unit.watermarks.set(CURSOR, f"{stamp(now)} {name}")
        self._seen = answers
        if count:
            _log.info("older answers are renewed", spectra=count, takes=hours_long(count, PER_HOUR))
        return count


def make_renewing(settings: "Settings", store: Store, analyst: object, clock: Clock) -> RenewingPart:
    """What renews by itself, by ASTRANET_RENEW_DAYS."""
    off = settings.recalibrate == "off"
    return RenewingPart(store=store, analyst=analyst, days=settings.renew_days, off=off, clock=clock)
