"""The doctor on further channels of answers, those that are switched on: tags on sources, and messages in a chat."""

from collections.abc import Iterator

from sqlalchemy.exc import DBAPIError

from iris_client.errors import UpstreamError
from iris_client.protocols import Account, Marshal, Tagging
from plugin.cycle.messages.alerts import MESSAGE
from plugin.cycle.spectra.tags import VOCABULARY
from plugin.ops.check import Check
from plugin.settings import PREFIX, ConfigError, Settings
from plugin.sources.slack import make_slack
from plugin.store import StoreError, open_store

_TAKE_AWAY = frozenset({"Manage sources", "System admin"})


def tag_options(settings: Settings, marshal: Marshal, account: Account) -> Iterator[Check]:
    """Whether the marshal has every tag that may be given, and whether ours can be taken away again."""
    if not settings.post_tags or not isinstance(marshal, Tagging):
        return
    try:
        missing = [name for name in VOCABULARY if name not in marshal.tag_options()]
    except UpstreamError as error:
        yield Check(name="tags", ok=False, found=str(error), remedy="try again")
        return
    if missing:
        remedy = (
            "an account with the right Manage sources makes each once: POST /api/objtagoption with "
            '{"name": "' + missing[0] + '", "color": "#33658a"}'
        )
        yield Check(name="tags", ok=False, found=f"no tag option {', '.join(missing)}", remedy=remedy)
    elif not account.acls & _TAKE_AWAY:
        remedy = "give the bot the right Manage sources, or take such tags away by hand (`astranet show --parked`)"
        found = "SkyPortal 1.4 lets this token attach tags, and not take away its own"
        yield Check(name="tags", ok=False, found=found, remedy=remedy)
    else:
        yield Check(name="tags", ok=True, found=", ".join(VOCABULARY))


def chat(settings: Settings) -> Iterator[Check]:
    """Whether the web hook is there, and what it has refused; nothing is said through it."""
    if settings.slack_webhook is None:
        return
    remedy = f"make a new incoming web hook, set {PREFIX}SLACK_WEBHOOK, then `astranet once --retry-parked`"
    try:
        hook = make_slack(settings)
        assert hook is not None
        with hook:
            found = hook.probe()
    except (ConfigError, UpstreamError) as error:
        yield Check(name="web hook", ok=False, found=str(error), remedy=remedy)
        return
    refused = _refused(settings)
    if refused:
        yield Check(name="web hook", ok=False, found=f"{len(refused)} messages parked: {refused[-1]}", remedy=remedy)
        return
    yield Check(name="web hook", ok=True, found=found)


def _refused(settings: Settings) -> list[str]:
    """Why messages are parked."""
    try:
        with (
            open_store(settings.database_url, marshal=settings.marshal_url or "", to_read=True) as store,
            store.begin(to_read=True) as unit,
        ):
            return [parcel.reason or "" for parcel in unit.outbox.parked() if parcel.kind == MESSAGE]
    except (StoreError, DBAPIError):
        return []  # the check of the database says what is wrong with it
