"""May the bot see, and be heard in, the groups of the settings? Asked before anything is done, and by the doctor."""

from typing import Final

from iris_client.protocols import Account
from plugin.settings import PREFIX, ConfigError, Settings

ALL_RIGHTS: Final = "System admin"
"""Whose token this is sees every group, a member or not."""


def foreign_groups(settings: Settings, account: Account) -> list[int]:
    """The groups of the settings that the bot is not a member of."""
    return [] if ALL_RIGHTS in account.acls else sorted(set(settings.group_ids) - account.group_ids)


def how_to_join(account: Account) -> str:
    """What to do about them."""
    ours = ", ".join(map(str, sorted(account.group_ids))) or "none"
    return f"add the bot to them on the marshal, or change {PREFIX}GROUP_IDS (it is in: {ours})"


def require_membership(settings: Settings, account: Account) -> None:
    """Let nobody work for a group that the bot is not in: SkyPortal would take its posts and show it no spectra.

    Raises
    ------
    ConfigError
        If there is one.
    """
    if foreign := foreign_groups(settings, account):
        names = ", ".join(map(str, foreign))
        raise ConfigError(f"{PREFIX}GROUP_IDS: {account.username} is not a member of {names}; {how_to_join(account)}")
