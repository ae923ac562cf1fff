"""NEEDLE, and where its alerts come from."""

from collections.abc import Iterator, Sequence
from itertools import chain, islice
from typing import Final

from iris_client.errors import UpstreamError
from iris_client.protocols import Marshal, WatchList
from models.cards import BundleError
from plugin.ops.check import Check
from plugin.settings import PREFIX, ConfigError, Settings
from plugin.sources.marshal import make_pacer

_TRIED: Final = 5
_ENOUGH: Final = 3  # that none of one or two objects has an alert may be chance


def alert_checks(settings: Settings, marshal: Marshal | None) -> Iterator[Check]:
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
    kind = settings.alert_source
    try:
        found, tried = source.probe(), _tried(settings, marshal)
        silent = bool(tried) and not any(source.alerts(name) for name in tried)
        if silent and len(tried) >= _ENOUGH:
            names = f"it has no alert of {', '.join(tried)}"
            yield Check(name="alerts", ok=False, found=f"{kind}: {found}; {names}", remedy=_EMPTY_REMEDY[kind])
            return
        said = f"; no alert of {', '.join(tried)}" if silent else f"; {len(tried)} objects tried" if tried else ""
        yield Check(name="alerts", ok=True, found=f"{kind}: {found}{said}")
    except UpstreamError as error:
        yield Check(name="alerts", ok=False, found=f"{kind}: {error}", remedy=_SOURCE_REMEDY[kind])
    finally:
        close(source)


def lasair_check(settings: Settings) -> Check:
    """Where NEEDLE's answers go beside the marshal. Nothing is written: who owns a topic shows with the first one."""
    if settings.lasair_annotator is None:
        return Check(name="Lasair", ok=True, found=f"off: {PREFIX}LASAIR_ANNOTATOR is not set")
    if settings.alert_source == "none":
        remedy = f"set {PREFIX}ALERT_SOURCE, or leave {PREFIX}LASAIR_ANNOTATOR empty"
        return Check(name="Lasair", ok=False, found="an annotator, and no NEEDLE that answers", remedy=remedy)
    from iris_client.http.transport import Hooks
    from plugin.sources.lasair import make_calls

    try:
        with make_calls(settings, Hooks()) as calls:
            name = "objects.diaObjectId" if settings.lasair_survey == "LSST" else "objects.objectId"
            calls.query(name, "objects", "1=1", most=1)
    except ConfigError as error:
        return Check(name="Lasair", ok=False, found="not set up", remedy=str(error))
    except UpstreamError as error:
        remedy = f"check {PREFIX}LASAIR_TOKEN and {PREFIX}LASAIR_SURVEY"
        return Check(name="Lasair", ok=False, found=str(error), remedy=remedy)
    dry = f"; nothing is sent while {PREFIX}DRY_RUN is true" if settings.dry_run else ""
    said = f"the token is good; answers go to annotator {settings.lasair_annotator}, which Lasair's team must have made"
    return Check(name="Lasair", ok=True, found=f"{said} for this account{dry}")


def _tried(settings: Settings, marshal: Marshal | None) -> Sequence[str]:
    """Some of the latest objects of ZTF that are watched, of which a broker should have alerts."""
    if settings.alert_source not in _EMPTY_REMEDY or not isinstance(marshal, WatchList):
        return ()
    saved = (one.target_id for one in marshal.saves(group_ids=settings.group_ids))
    passed = (one.target_id for one in marshal.candidates(group_ids=settings.group_ids))
    ours = (name for name in chain(islice(saved, 100), islice(passed, 100)) if name.startswith("ZTF"))
    return list(islice(dict.fromkeys(ours), _TRIED))


_STREAM = (
    "the bot and its groups need a stream of ZTF's alerts (one with the collection ZTF_alerts): without it the marshal "
    "answers every question about alerts with an empty list"
)
_EMPTY_REMEDY = {
    "marshal": f"{_STREAM}; if they have one, the broker does not know the objects tried: is it the right one?",
    "boom": "the account may see no alerts of these programmes, or BOOM does not know the objects tried",
    "lasair": "Lasair has no alert of the objects tried: is it the right survey?",
}
_SOURCE_REMEDY = {
    "marshal": f"activate a broker with cutouts of ZTF on the marshal, or check {PREFIX}ALERT_BROKER; {_STREAM}",
    "boom": f"check {PREFIX}BOOM_URL, {PREFIX}BOOM_USERNAME and {PREFIX}BOOM_PASSWORD",
    "avro": f"check {PREFIX}ALERT_DIR",
    "lasair": f"check {PREFIX}LASAIR_TOKEN, {PREFIX}LASAIR_TOPIC or {PREFIX}LASAIR_FILTER, and {PREFIX}LASAIR_SURVEY",
    "kafka": f"check {PREFIX}KAFKA_SERVERS, {PREFIX}KAFKA_TOPICS and the account",
}


def _needle(settings: Settings) -> Check:
    from plugin.cycle.objects.part import make_object_analyst

    try:
        analyst = make_object_analyst(settings)
    except ConfigError as error:
        return Check(name="NEEDLE", ok=False, found="wrong alpha", remedy=str(error))
    except BundleError as error:
        empty = f"{PREFIX}NEEDLE_FOLDER and {PREFIX}NEEDLE_HYBRID_FOLDER"
        remedy = f"fetch the model again, or leave {empty} empty for the one that is shipped"
        return Check(name="NEEDLE", ok=False, found=str(error), remedy=remedy)
    return Check(name="NEEDLE", ok=True, found=f"{analyst.model_id}, prefers {settings.needle_prefer}")
