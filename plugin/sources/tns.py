"""The TNS reader that the settings describe."""

from typing import TYPE_CHECKING

from plugin.settings import PREFIX, ConfigError, Settings
from plugin.sources.clients import described_by

if TYPE_CHECKING:
    from iris_client.tns.client import Tns


def make_tns(settings: Settings) -> "Tns | None":
    """The reader; None without an API key, and then nobody asks the TNS.

    Raises
    ------
    ConfigError
        If there is a key but no bot, or no header can carry the bot's name.
    """
    if settings.tns_api_key is None:
        return None
    if settings.tns_bot_id is None or not settings.tns_bot_name:
        raise ConfigError(f"{PREFIX}TNS_BOT_ID and {PREFIX}TNS_BOT_NAME: needed with {PREFIX}TNS_API_KEY")
    from iris_client.tns.client import Tns

    key = settings.tns_api_key.get_secret_value()
    with described_by("TNS_URL", "TNS_BOT_NAME"):
        return Tns(settings.tns_url, bot_id=settings.tns_bot_id, bot_name=settings.tns_bot_name, api_key=key)
