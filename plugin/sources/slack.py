"""The web hook that the settings describe."""

from typing import TYPE_CHECKING

from iris_client.http.transport import Hooks
from plugin.settings import Settings
from plugin.sources.clients import described_by

if TYPE_CHECKING:
    from iris_client.slack import SlackHook


def make_slack(settings: Settings, hooks: Hooks | None = None) -> "SlackHook | None":
    """The hook; None without an address, and then nothing is said in any chat.

    Raises
    ------
    ConfigError
        If the address cannot be one.
    """
    if settings.slack_webhook is None:
        return None
    from iris_client.slack import SlackHook

    with described_by("SLACK_WEBHOOK"):
        return SlackHook(settings.slack_webhook.get_secret_value(), hooks=hooks)
