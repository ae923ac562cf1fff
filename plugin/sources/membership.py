"""May the bot see, and be heard in, the groups of the settings? Asked before anything is done, and by the doctor."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

import structlog

from iris_client.errors import UpstreamError
from iris_client.protocols import Account, Marshal
from plugin.clock import Clock, utc_now
from plugin.settings import PREFIX, ConfigError, Settings

_log = structlog.get_logger("astranet")

ALL_RIGHTS: Final = "System admin"
"""Whose token this is sees every group, a member or not."""
_HOLDS: Final = timedelta(hours=1)


def foreign_groups(settings: Settings, account: Account) -> list[int]:
    """The groups of the settings that the bot is not a member of."""
    return [] if ALL_RIGHTS in account.acls else sorted(set(settings.group_ids) - account.group_ids)


def named(group_ids: Iterable[int], account: Account) -> str:
    """Groups by number, with the names that the marshal has for them."""
    names = account.group_names
    return ", ".join(f"{group} ({names[group]})" if group in names else str(group) for group in sorted(group_ids))


def how_to_join(account: Account) -> str:
    """What to do about them."""
    ours = named(account.group_ids, account) or "none"
    return f"add the bot to them on the marshal, or change {PREFIX}GROUP_IDS (it is in: {ours})"


class Membership:
    """Lets nobody work for a group that the bot is not in: SkyPortal would take its posts and show it no spectra."""

    def __init__(self, settings: Settings, marshal: Marshal, clock: Clock = utc_now) -> None:
        self._settings, self._marshal, self._clock = settings, marshal, clock
        self._known: datetime | None = None

    def require(self) -> None:
        """Make sure of it; asked again an hour after it was.

        Raises
        ------
        ConfigError
            If the bot is not in every group of the settings.
        UpstreamError
            If the marshal cannot be asked.
        """
        now = self._clock()
        if self._known is not None and now < self._known + _HOLDS:
            return
        account = self._marshal.account()
        if foreign := foreign_groups(self._settings, account):
            who = f"{PREFIX}GROUP_IDS: {account.username} is not a member of {named(foreign, account)}"
            raise ConfigError(f"{who}; {how_to_join(account)}")
        self._known = now

    def trouble(self) -> str | None:
        """Why nothing may be done: it is not known yet, or the bot has been taken out of a group meanwhile.

        Raises
        ------
        ConfigError
            If the bot has never been in: whoever set it up is to be told at once.
        """
        try:
            self.require()
        except ConfigError as error:
            if self._known is None:
                raise
            _log.error("nothing is done", error=str(error))
            return str(error)
        except UpstreamError as error:  # away: whoever was in an hour ago is taken to be still in
            if self._known is None:
                _log.error("cannot read the marshal", error=str(error), status=error.status)
                return str(error)
        return None
