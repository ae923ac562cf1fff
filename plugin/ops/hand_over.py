"""One account takes another's place: what the old one wrote is taken away, so that the new one can write it.

SkyPortal allows one annotation of an origin at a place, whoever wrote it, and only its author may change it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from iris_client.errors import UpstreamError
from iris_client.marshal.skyportal import SkyPortal
from iris_client.marshal.written import Writings, Written
from iris_client.protocols import Account
from plugin.cycle.objects.compose import ORIGIN as NEEDLE_ORIGIN
from plugin.cycle.posting import ORIGIN
from plugin.cycle.spectra.compose import CARD
from plugin.settings import ConfigError
from plugin.store import Store

_SENT_ANEW = ("annotation", "classification", "comment")


@dataclass(frozen=True, slots=True, kw_only=True)
class HandOver:
    """What was found, and how it is taken away.

    Parameters
    ----------
    found : sequence of Written
        Annotations of our origins, machine classifications of them, and vetting cards, of the old account.
    """

    writings: Writings
    found: Sequence[Written]

    def take_away(self) -> Iterator[tuple[Written, str | None]]:
        """Delete one after the other; each with what went wrong, None for nothing."""
        for one in self.found:
            try:
                self.writings.take_away(one)
            except UpstreamError as error:
                yield one, str(error)
            else:
                yield one, None


def prepare(old: SkyPortal, new: Account, store: Store, *, author_id: int | None = None) -> HandOver:
    """Find what the old account wrote; nothing is changed.

    Parameters
    ----------
    old : SkyPortal
        With the old account's token, or an administrator's.
    new : Account
        Who writes from now on.
    author_id : int, optional
        Number of the old account, when the token is an administrator's.

    Raises
    ------
    ConfigError
        If both are the same account.
    UpstreamError
        If the marshal cannot be read.
    """
    author = old.account().user_id if author_id is None else author_id
    if author == new.user_id:
        raise ConfigError(f"the old token and ASTRANET_MARSHAL_TOKEN are both of {new.username}: nothing to hand over")
    with store.begin(to_read=True) as unit:
        known = unit.outbox.places()
    writings = old.writings(author, origins=(ORIGIN, NEEDLE_ORIGIN), files=(f"{CARD}_",))
    return HandOver(writings=writings, found=list(writings.find(known)))


def send_anew(store: Store, taken: Sequence[Written], now: datetime) -> int:
    """Let everything that belongs where something was taken away be sent, parked or not; returns how many posts."""
    places = sorted({one.place for one in taken}, key=lambda place: (place.kind, place.id))
    with store.begin() as unit:
        return unit.outbox.again(places, now, kinds=_SENT_ANEW)
