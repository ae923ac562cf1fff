"""The marshal: is it there, who are we, what may we do, and does it answer what the service asks?"""

from collections.abc import Iterator
from datetime import UTC, timedelta
from typing import Final

from iris_client.errors import UpstreamError
from iris_client.protocols import Account, Marshal
from iris_client.taxonomy.names import tdtax_class
from models.domain import FINE_CLASSES
from plugin.clock import stamp, utc_now
from plugin.ops.channels import tag_options
from plugin.ops.check import Check
from plugin.settings import PREFIX, Settings
from plugin.sources.membership import ALL_RIGHTS, foreign_groups, how_to_join, named

_MOST_SKEW: Final = timedelta(seconds=30)


def marshal_checks(settings: Settings, marshal: Marshal) -> Iterator[Check]:
    """Every check of the marshal; the first alone when it does not answer."""
    try:
        account = marshal.account()
    except UpstreamError as error:
        yield Check(name="marshal", ok=False, found=str(error), remedy=_why_no_answer(error))
        return
    yield Check(name="marshal", ok=True, found=f"{settings.marshal_url}, as {account.username}")
    yield _rights(settings, account)
    yield _groups(settings, account)
    yield _spectra(settings, marshal)
    if settings.post_classification:
        yield _taxonomy(marshal)
    yield _clock(marshal)
    yield from tag_options(settings, marshal, account)
    from plugin.ops.button import examine_button

    yield from examine_button(settings, getattr(marshal, "services", None))


def _why_no_answer(error: UpstreamError) -> str:
    if error.status == 401:
        return f"the token is not known there: make one in the bot's profile and set {PREFIX}MARSHAL_TOKEN"
    return f"check {PREFIX}MARSHAL_URL, the network and any proxy; then try again"


def _rights(settings: Settings, account: Account) -> Check:
    wanted = {"Comment": settings.post_cards, "Classify": settings.post_classification}
    needed = {"Annotate"} | {right for right, used in wanted.items() if used}
    missing = sorted(needed - account.acls)
    if missing and ALL_RIGHTS not in account.acls:
        remedy = f"make a token with {', '.join(sorted(needed))} (role Full user has them)"
        return Check(name="token rights", ok=False, found=f"missing: {', '.join(missing)}", remedy=remedy)
    return Check(name="token rights", ok=True, found=", ".join(sorted(needed & account.acls) or [ALL_RIGHTS]))


def _groups(settings: Settings, account: Account) -> Check:
    if foreign := foreign_groups(settings, account):
        found = f"not a member of {named(foreign, account)}"
        return Check(name="groups", ok=False, found=found, remedy=how_to_join(account))
    return Check(name="groups", ok=True, found=named(settings.group_ids, account))


def _spectra(settings: Settings, marshal: Marshal) -> Check:
    """Ask what the service asks in every cycle, and read the newest spectrum in the list."""
    days = max(settings.backfill_days, 1.0)
    way = "REST" if settings.spectrum_source == "rest" else f"GraphQL at {settings.graphql_url}"
    try:
        since = stamp(utc_now() - timedelta(days=days))
        found = marshal.spectra_modified_since(since, group_ids=settings.group_ids)
        if found:
            marshal.spectrum(found[-1].spectrum_id)
    except UpstreamError as error:
        names = ("GRAPHQL_URL", "GRAPHQL_QUERY_FILE", "GRAPHQL_FIELD_MAP_FILE")
        where = "the groups above" if settings.spectrum_source == "rest" else ", ".join(PREFIX + n for n in names)
        return Check(name="spectra", ok=False, found=f"{way}: {error}", remedy=f"check {where}; then try again")
    read = "; the newest one can be read" if found else ""
    return Check(name="spectra", ok=True, found=f"{way}, {len(found)} in the last {days:g} days{read}")


def _taxonomy(marshal: Marshal) -> Check:
    """Whether classifications can be made: the taxonomy is there, and has a name for each class."""
    try:
        names = marshal.class_names()
    except UpstreamError as error:
        remedy = f"set {PREFIX}TAXONOMY to one of the marshal's, or {PREFIX}POST_CLASSIFICATION=false"
        return Check(name="taxonomy", ok=False, found=str(error), remedy=remedy)
    called = {fine: tdtax_class(fine, names) for fine in FINE_CLASSES}
    missing = [fine for fine, name in called.items() if name is None]
    if missing:
        remedy = f"set {PREFIX}TAXONOMY to one that has them: their classifications would be refused"
        return Check(name="taxonomy", ok=False, found=f"no name for {', '.join(missing)}", remedy=remedy)
    said = ", ".join(f"{fine} as {name}" for fine, name in called.items() if name != fine)
    return Check(name="taxonomy", ok=True, found=said)


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
