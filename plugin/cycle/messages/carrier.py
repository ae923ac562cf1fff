"""Takes messages to the web hook: so many an hour, and the rest in one."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from iris_client.errors import Unavailable, UpstreamError
from iris_client.protocols import Upserted
from iris_client.slack import SlackHook
from plugin.clock import Clock, utc_now
from plugin.cycle.carriers import Carrier
from plugin.cycle.messages.alerts import MESSAGE
from plugin.cycle.messages.wording import Wording, blocks
from plugin.settings import Settings
from plugin.store import Parcel, Store

SLACK: Final = "slack"
APART: Final = ("night", "note")
"""Places of messages that are no alerts: each is told by itself, and none counts."""
_HOUR: Final = timedelta(hours=1)
_PUT_OFF: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageCarrier:
    """A `plugin.cycle.carriers.Carrier`. A hook cannot be asked what it has: a lost answer is a message said again.

    Parameters
    ----------
    per_hour : int
        How many messages about alerts there are in any hour; the last of them tells everything that waits. Messages
        about nights and notes do not count.
    """

    hook: SlackHook
    wording: Wording
    store: Store
    per_hour: int = 20
    clock: Clock = utc_now
    upstream: str = SLACK

    def send(self, parcel: Parcel) -> Upserted:
        """Say it, alone or with all that waits."""
        name = f"{parcel.id} {self.clock():%Y-%m-%dT%H:%M:%S.%f}"
        if parcel.place.kind in APART:
            body = parcel.body or {}
            say = self.wording.digest if parcel.place.kind == "night" else self.wording.waiting
            self._say(self.wording.drift(body) if "drift" in body else say(body))
            return Upserted(name)
        left = self._left()
        if left > 1:
            self._say(self.wording.alert(parcel.body or {}))
        else:
            self._say_all(parcel, name)
        return Upserted(name)

    def remove(self, parcel: Parcel) -> None:
        """Leave it: what was said was said."""

    def _left(self) -> int:
        """How many messages may be sent now, at least one.

        Raises
        ------
        Unavailable
            If there may be none before a certain time.
        """
        now = self.clock()
        with self.store.begin(to_read=True) as unit:
            sent = unit.outbox.sent_since(MESSAGE, now - _HOUR, but_on=APART)
        left = self.per_hour - len(sent)
        if left <= 0:
            wait = (sent[0] + _HOUR - now).total_seconds()
            raise Unavailable(f"{self.per_hour} messages within the hour: told later, together", retry_after=wait)
        return left

    def _say_all(self, parcel: Parcel, name: str) -> None:
        """This one and every other alert that waits, in one message; each is written down as sent with it."""
        with self.store.begin() as unit:
            held = list(iter(lambda: unit.outbox.claim(self.clock(), kinds=(MESSAGE,)), None))
            for other in held:  # what is withdrawn needs no words, and a night or a note has its own
                if other.place.kind in APART or other.body is None:
                    unit.outbox.retry(other, "", self.clock())
        others = [other for other in held if other.place.kind not in APART and other.body is not None]
        try:
            bodies = [one.body or {} for one in (parcel, *others)]
            self._say(self.wording.together(bodies) if others else self.wording.alert(bodies[0]))
        except UpstreamError as error:
            with self.store.begin() as unit:
                for other in others:
                    unit.outbox.retry(other, str(error), self.clock() + _PUT_OFF)
            raise
        with self.store.begin() as unit:
            for other in others:
                unit.outbox.sent(other, name, self.clock())

    def _say(self, text: str) -> None:
        self.hook.post(text, blocks(text))


def message_carriers(
    hook: SlackHook, settings: Settings, store: Store, clock: Clock = utc_now
) -> Mapping[str, Carrier]:
    """The carriers of what goes to a web hook, by kind of post."""
    words = Wording(marshal_url=settings.marshal_url or "", web_url=settings.web_url)
    carrier = MessageCarrier(hook=hook, wording=words, store=store, per_hour=settings.slack_per_hour, clock=clock)
    return {MESSAGE: carrier}
