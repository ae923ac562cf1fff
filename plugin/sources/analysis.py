"""The web hooks that the settings allow."""

from typing import Final

from iris_client.http.transport import Hooks
from iris_client.marshal.webhooks import WebHooks
from plugin.settings import Settings
from plugin.sources.clients import described_by

_WAIT_S: Final = 60.0


def make_hooks(settings: Settings, told: Hooks | None = None) -> WebHooks:
    """Answers go to the marshal's own address, or to the one under which it is reached from inside; nowhere else.

    Parameters
    ----------
    told : Hooks, optional
        Who counts the requests.

    Raises
    ------
    ConfigError
        If the marshal's address is missing or wrong.
    """
    url, _, _ = settings.marshal()
    inside = settings.marshal_callback_url
    with described_by("MARSHAL_URL", "MARSHAL_CALLBACK_URL"):
        return WebHooks([url] if inside is None else [url, inside], timeout_s=_WAIT_S, hooks=told)
