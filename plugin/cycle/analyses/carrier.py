"""Takes an answer to its web hook, once; see `iris_client.marshal.webhooks` for what the marshal says to it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from iris_client.errors import Refused, Unavailable
from iris_client.marshal.webhooks import Spent, Unknown
from plugin.store import Parcel, Store
from plugin.store.analyses import ANSWERED

_TIMES: Final = 3
"""How often a hook is tried that the marshal does not know: its database may have had a moment of weakness."""


class Hooks(Protocol):
    """What is needed of `iris_client.marshal.webhooks.WebHooks`."""

    def answer(self, url: str, body: Mapping[str, Any]) -> None:
        """Answer an analysis; that it was answered already is no error."""


@dataclass(frozen=True, slots=True)
class AnalysisCarrier:
    """A `plugin.cycle.carriers.Carrier` of answers to requests.

    The web hook is single-use, so it is the marshal that makes twice into once. As soon as the answer is there, the
    hook is forgotten here: a process that dies before it has written down "sent" finds that out the next time.
    """

    hooks: Hooks
    store: Store
    upstream: str = "marshal"

    def send(self, parcel: Parcel) -> None:
        """Answer, and let go of the web hook."""
        name = parcel.place.id
        with self.store.begin(to_read=True) as unit:
            hook, plots, ended = unit.analyses.parcel(name)
        if ended == ANSWERED:
            return
        if hook is None:
            raise Refused(f"cannot be answered any more: {ended}")
        body = dict(parcel.body or {})
        body["analysis"] = {**body.get("analysis", {}), **({"plots": plots} if plots else {})}
        try:
            self.hooks.answer(hook, body)
        except Unknown as error:
            if parcel.attempts + 1 < _TIMES:
                raise Unavailable(str(error), status=error.status) from None
            self._end(name, str(error))
            raise
        except Spent as error:
            self._end(name, str(error))
            raise
        self._end(name, ANSWERED)

    def remove(self, parcel: Parcel) -> None:
        """Nothing: an answer that was given cannot be taken back."""

    def _end(self, name: str, how: str) -> None:
        with self.store.begin() as unit:
            unit.analyses.end(name, how)
