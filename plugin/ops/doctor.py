"""Is everything there that the service needs? Each check says what it found, and what to do when it is not right."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, timedelta
from pathlib import Path

from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from iris_client.errors import UpstreamError
from iris_client.protocols import Account, Marshal
from models.cards import BundleError
from plugin.app import make_analyst
from plugin.clock import utc_now
from plugin.settings import PREFIX, ConfigError, Settings
from plugin.sources.clear_text import sent_in_clear
from plugin.sources.marshal import make_pacer, make_source
from plugin.sources.membership import ALL_RIGHTS, foreign_groups, how_to_join
from plugin.store import StoreError, open_store, schema_of
from plugin.store.engine import make_engine, parse_url, sqlite_file

_MOST_SKEW = timedelta(seconds=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One finding.

    Parameters
    ----------
    name : str
        What was looked at.
    ok : bool
        Whether the service can work with it.
    found : str
        What is there.
    remedy : str
        What to do; empty when it is right.
    """

    name: str
    ok: bool
    found: str
    remedy: str = ""


def examine(settings: Settings, *, client: Callable[[Settings], Marshal] = make_source) -> Iterator[Check]:
    """Every check, in the order in which trouble is best removed."""
    yield Check(name="settings", ok=True, found=_mode(settings))
    yield from _clear_text(settings)
    yield _bundle(settings)
    yield _database(settings)
    yield _output(settings)
    try:
        marshal = client(settings)
    except ConfigError as error:
        yield Check(name="marshal", ok=False, found="not set up", remedy=str(error))
        return
    with closing(marshal):
        yield from _marshal(settings, marshal)
    yield from _alerts(settings)
    yield _tns(settings)


def _clear_text(settings: Settings) -> Iterator[Check]:
    remedy = f"use https; if the network is your own, name the host in {PREFIX}CLEAR_TEXT_HOSTS"
    for found in sent_in_clear(settings):
        yield Check(name="encryption", ok=False, found=found, remedy=remedy)


def _mode(settings: Settings) -> str:
    return "dry run: nothing will be sent" if settings.dry_run else "live: answers will be sent"


def _bundle(settings: Settings) -> Check:
    try:
        analyst = make_analyst(settings)
    except BundleError as error:
        remedy = f"fetch the bundle again, or leave {PREFIX}BUNDLE empty for the one that is shipped"
        return Check(name="bundle", ok=False, found=str(error), remedy=remedy)
    return Check(name="bundle", ok=True, found=f"{analyst.bundle_id}; {false_alarms(settings, analyst)}")


def false_alarms(settings: Settings, analyst: object) -> str:
    """What a usual night will bring if all its spectra are ordinary: flags, alerts, commitments, for each domain."""
    expected = getattr(analyst, "expected", None)
    if not expected:
        return "no anomaly layer"
    per_night = settings.spectra_per_night
    nights = "; ".join(
        f"{domain}: {rates[settings.regime] * per_night:.1f} flagged falsely ({100 * rates[settings.regime]:.1f} %), "
        f"{rates['ALERT'] * per_night:.1f} ALERT, {rates['COMMIT'] * per_night:.1f} COMMIT"
        for domain, rates in expected.items()
    )
    return f"of {per_night:g} ordinary spectra a night (regime {settings.regime}) {nights}"


def _database(settings: Settings) -> Check:
    remedy = f"check {PREFIX}DATABASE_URL and that this user may write there"
    try:
        url = parse_url(settings.database_url)
        file = sqlite_file(url)
        if file is not None and not file.exists():
            return _folder("database", file.parent, f"will be made at {file}", remedy)
        current, head = schema_of(settings.database_url)
        _take_write_lock(url)
    except StoreError as error:
        return Check(name="database", ok=False, found=str(error), remedy=remedy)
    except DBAPIError as error:
        return Check(name="database", ok=False, found=str(error.orig), remedy=remedy)
    if current not in (None, head):
        old = f"schema {current}, this program needs {head}"
        return Check(name="database", ok=False, found=old, remedy="run `astranet db upgrade`")
    return Check(name="database", ok=True, found=f"{url.get_backend_name()}, schema {current or 'not made yet'}")


def _take_write_lock(url: URL) -> None:
    engine = make_engine(url)
    try:
        with engine.begin():  # SQLite locks the file for writing here
            pass
    finally:
        engine.dispose()


def _output(settings: Settings) -> Check:
    remedy = f"set {PREFIX}OUTPUT_DIR to a folder this user may write to"
    return _folder("output folder", settings.output_dir, str(settings.output_dir), remedy)


def _folder(name: str, path: Path, found: str, remedy: str) -> Check:
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        return Check(name=name, ok=False, found=f"cannot write to {path}: {error.strerror}", remedy=remedy)
    return Check(name=name, ok=True, found=found)


def _marshal(settings: Settings, marshal: Marshal) -> Iterator[Check]:
    try:
        account = marshal.account()
    except UpstreamError as error:
        yield Check(name="marshal", ok=False, found=str(error), remedy=_why_no_answer(error))
        return
    yield Check(name="marshal", ok=True, found=f"{settings.marshal_url}, as {account.username}")
    yield _rights(settings, account)
    yield _groups(settings, account)
    yield _clock(marshal)


def _why_no_answer(error: UpstreamError) -> str:
    if error.status == 401:
        return f"the token is not known there: make one in the bot's profile and set {PREFIX}MARSHAL_TOKEN"
    return f"check {PREFIX}MARSHAL_URL, the network and any proxy; then try again"


def _alerts(settings: Settings) -> Iterator[Check]:
    """NEEDLE's models and the source of alerts, where there shall be one."""
    if settings.alert_source == "none":
        yield Check(name="alerts", ok=True, found=f"off: {PREFIX}ALERT_SOURCE is none, so NEEDLE says nothing")
        return
    yield _needle(settings)
    from plugin.sources.alerts import make_alert_source
    from plugin.sources.clients import close

    try:
        source = make_alert_source(settings, pacer=make_pacer(settings))
    except ConfigError as error:
        yield Check(name="alerts", ok=False, found=f"{settings.alert_source}: not set up", remedy=str(error))
        return
    assert source is not None
    try:
        yield Check(name="alerts", ok=True, found=f"{settings.alert_source}: {source.probe()}")
    except UpstreamError as error:
        remedy = _SOURCE_REMEDY[settings.alert_source]
        yield Check(name="alerts", ok=False, found=f"{settings.alert_source}: {error}", remedy=remedy)
    finally:
        close(source)


_SOURCE_REMEDY = {
    "marshal": f"activate a broker with cutouts of ZTF on the marshal, or check {PREFIX}ALERT_BROKER; "
    "the bot's groups need a stream of alerts",
    "boom": f"check {PREFIX}BOOM_URL, {PREFIX}BOOM_USERNAME and {PREFIX}BOOM_PASSWORD",
    "avro": f"check {PREFIX}ALERT_DIR",
    "kafka": f"check {PREFIX}KAFKA_SERVERS, {PREFIX}KAFKA_TOPICS and the account",
}


def _tns(settings: Settings) -> Check:
    """Whether the TNS can be asked, and how old its mirror is; the TNS itself is not asked, because that costs."""
    from plugin.sources.tns import make_tns

    try:
        tns = make_tns(settings)
    except ConfigError as error:
        return Check(name="TNS", ok=False, found="not set up", remedy=str(error))
    if tns is None:
        return Check(name="TNS", ok=True, found=f"off: {PREFIX}TNS_API_KEY is not set")
    with tns:
        try:
            with open_store(settings.database_url, marshal="", to_read=True) as store, store.begin() as unit:
                count, last = unit.tns.count(tns.url), unit.tns.last_read(tns.url)
        except StoreError:
            count, last = 0, None
    mirror = (
        f"mirror of {count} objects, read {last:%Y-%m-%d %H:%M} UT" if last else "no mirror yet: `astranet tns update`"
    )
    return Check(name="TNS", ok=True, found=f"{settings.tns_url}, {mirror}")


def _needle(settings: Settings) -> Check:
    from plugin.cycle.objects.part import make_object_analyst

    try:
        analyst = make_object_analyst(settings)
    except ConfigError as error:
        return Check(name="NEEDLE", ok=False, found="wrong alpha", remedy=str(error))
    except BundleError as error:
        remedy = f"fetch the model again, or leave {PREFIX}NEEDLE_MODEL empty for the one that is shipped"
        return Check(name="NEEDLE", ok=False, found=str(error), remedy=remedy)
    return Check(name="NEEDLE", ok=True, found=f"{analyst.model_id}, prefers {settings.needle_prefer}")


def _rights(settings: Settings, account: Account) -> Check:
    wanted = {"Comment": settings.post_cards, "Classify": settings.post_classification}
    needed = {"Annotate"} | {right for right, used in wanted.items() if used}
    missing = sorted(needed - account.acls)
    if missing and ALL_RIGHTS not in account.acls:
        remedy = f"make a token with {', '.join(sorted(needed))} (role Full user has them)"
        return Check(name="token rights", ok=False, found=f"missing: {', '.join(missing)}", remedy=remedy)
    return Check(name="token rights", ok=True, found=", ".join(sorted(needed & account.acls) or [ALL_RIGHTS]))


def _groups(settings: Settings, account: Account) -> Check:
    foreign = foreign_groups(settings, account)
    if foreign:
        found = f"not a member of {', '.join(map(str, foreign))}"
        return Check(name="groups", ok=False, found=found, remedy=how_to_join(account))
    return Check(name="groups", ok=True, found=", ".join(map(str, sorted(settings.group_ids))))


def _clock(marshal: Marshal) -> Check:
    try:
        theirs = marshal.server_time()
    except UpstreamError as error:
        return Check(name="clock", ok=False, found=str(error), remedy="try again")
    if theirs is None:
        return Check(name="clock", ok=True, found="the marshal does not tell its time")
    naive = theirs if theirs.tzinfo is None else theirs.astimezone(UTC).replace(tzinfo=None)
    skew = utc_now() - naive
    found = f"{skew.total_seconds():+.0f} s against the marshal's"
    if abs(skew) > _MOST_SKEW:
        return Check(name="clock", ok=False, found=found, remedy="set this machine's clock (NTP)")
    return Check(name="clock", ok=True, found=found)
