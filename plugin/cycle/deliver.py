"""Outbox -> where it belongs: each post is an upsert, so that sending twice leaves what sending once leaves."""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import structlog

from iris_client.errors import BadPayload, Unavailable, UpstreamError
from iris_client.protocols import Upserted
from plugin.clock import Clock, utc_now
from plugin.cycle.carriers import Carrier
from plugin.cycle.patience import Breaker, Patience, denied
from plugin.cycle.poison import why
from plugin.store import Parcel, Store

_log = structlog.get_logger("astranet.deliver")


@dataclass(slots=True, kw_only=True)
class Delivering:
    """The use case with what it needs.

    Parameters
    ----------
    carriers : mapping of str to Carrier
        Who takes each kind of post where it belongs. A kind without one waits.
    dry_run : bool
        True: say how much waits, and send nothing.
    secrets : tuple of str
        Texts that must not be filed, should an error quote them.
    stop : callable
        Whether to finish early; asked between posts.
    first : callable
        Told of each post that hangs where nothing hung before, as far as we know.
    """

    carriers: Mapping[str, Carrier]
    store: Store
    dry_run: bool = True
    secrets: tuple[str, ...] = ()
    patience: Patience = field(default_factory=Patience)
    clock: Clock = utc_now
    stop: Callable[[], bool] = bool
    first: Callable[[Parcel], object] = bool

    def run(self) -> Counter[str]:
        """Work until nothing is due; counts by outcome: sent, same, removed, later, parked, dry."""
        if self.dry_run:
            with self.store.begin(to_read=True) as unit:
                waiting = unit.outbox.count("pending")
            _log.info("dry run: nothing is sent", waiting=waiting)
            return Counter(dry=waiting)
        outcomes: Counter[str] = Counter()
        breakers: defaultdict[str, Breaker] = defaultdict(Breaker)  # who is away keeps nobody else waiting
        while not self.stop():
            open_to = [kind for kind, carrier in self.carriers.items() if not breakers[carrier.upstream].open]
            with self.store.begin() as unit:
                parcel = unit.outbox.claim(self.clock(), kinds=open_to)
            if parcel is None:
                break
            carrier = self.carriers[parcel.kind]
            outcomes[self._attempt(parcel, carrier, breakers[carrier.upstream])] += 1
        return outcomes

    def _attempt(self, parcel: Parcel, carrier: Carrier, breaker: Breaker) -> str:
        try:
            written = _carry(parcel, carrier)
            breaker.success()
            with self.store.begin() as unit:
                held = unit.outbox.sent(parcel, None if written is None else written.id, self.clock())
        except UpstreamError as error:
            return self._failed(parcel, error, breaker)
        except Exception as error:  # whatever breaks, this post is parked with it and the others go on
            reason = why("sending", error, self.secrets, **_where(parcel))
            with self.store.begin() as unit:
                held = unit.outbox.park(parcel, reason)
            return "parked" if held else _lost(parcel)
        if not held:
            return _lost(parcel)
        if written is not None and not written.changed:  # an earlier run, or another worker, was here before
            _log.debug("same", kind=parcel.kind, **_where(parcel))
            return "same"
        outcome = "removed" if parcel.body is None else "sent"
        if parcel.body is not None and parcel.remote_id is None:
            self.first(parcel)
        _log.info(outcome, kind=parcel.kind, **_where(parcel))
        return outcome

    def _failed(self, parcel: Parcel, error: UpstreamError, breaker: Breaker) -> str:
        attempts = parcel.attempts + 1
        # A write whose answer cannot be read may have happened; an upsert can be repeated to be sure.
        again = isinstance(error, Unavailable | BadPayload) or denied(error)
        if again:
            breaker.failure(error)
        park = not again or self.patience.exhausted(attempts)
        with self.store.begin() as unit:
            if park:
                held = unit.outbox.park(parcel, str(error))
            else:
                held = unit.outbox.retry(parcel, str(error), self.patience.next_try(self.clock(), attempts, error))
        if not held:
            return _lost(parcel)
        log = _log.error if park else _log.warning
        log("parked" if park else "not sent, later again", error=str(error), **_where(parcel))
        return "parked" if park else "later"


def _carry(parcel: Parcel, carrier: Carrier) -> Upserted | None:
    """Make the place hold exactly this; what it holds now."""
    if parcel.fault is not None:
        raise ValueError(f"what is stored is no post: {parcel.fault}")
    if parcel.body is None:
        carrier.remove(parcel)
        return None
    return carrier.send(parcel)


def _lost(parcel: Parcel) -> str:
    """Another worker has taken the post over meanwhile; it is sent once more."""
    _log.warning("claim lost", kind=parcel.kind, **_where(parcel))
    return "later"


def _where(parcel: Parcel) -> dict[str, str]:
    return {parcel.place.kind: parcel.place.id}
