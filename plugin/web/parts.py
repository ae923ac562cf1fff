"""What every room of the web server is given, and what it gives back."""

from collections.abc import Callable
from dataclasses import dataclass

from starlette.routing import BaseRoute

from iris_client.http.pacer import Pacing
from iris_client.protocols import Marshal
from plugin.activity import Activity
from plugin.clock import Clock, utc_now
from plugin.settings import Settings
from plugin.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class WebParts:
    """What the rooms work with.

    Parameters
    ----------
    store : Store
        Read with `begin(to_read=True)`. What a person asks for is written in one small transaction; nothing is claimed.
    clock : Clock
        Naive UTC.
    activity : Activity or None
        What this process does besides showing pages; None where it does nothing else.
    pacer : Pacing or None
        Of the marshal's token, where this process has one.
    marshal : callable or None
        Gives a marshal to ask about one object, which is closed afterwards; None for the one of the settings.
    """

    settings: Settings
    store: Store
    clock: Clock = utc_now
    activity: Activity | None = None
    pacer: Pacing | None = None
    marshal: Callable[[], Marshal] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A page in the navigation.

    Parameters
    ----------
    shown : callable
        Whether there is anything on the page now; asked whenever a page is drawn.
    """

    path: str
    title: str
    shown: Callable[[], bool] = lambda: True


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """Routes that belong together.

    Parameters
    ----------
    links : tuple of Link
        What of it stands in the navigation, in this order.
    own_access : tuple of str
        Paths, or beginnings of paths that end in `/`, whose requests the room lets in or refuses by itself: a health
        check without a token, a machine with a secret of its own. Everything else is behind `plugin.web.access`.
    """

    routes: tuple[BaseRoute, ...]
    links: tuple[Link, ...] = ()
    own_access: tuple[str, ...] = ()

    def is_own(self, path: str) -> bool:
        """Whether the room decides about requests for this path."""
        return any(path.startswith(own) if own.endswith("/") else path == own for own in self.own_access)


MakeRoom = Callable[[WebParts], Room]
