"""Is the Analysis button set up? Both services on the marshal, as they should be, and somebody who answers there."""

from collections.abc import Iterator
from typing import Any

from iris_client.errors import UpstreamError
from iris_client.http.transport import Transport
from iris_client.marshal.services import AnalysisServices
from plugin.environment import PREFIX, ConfigError
from plugin.ops.doctor import Check
from plugin.ops.register import differences, is_ours, wanted
from plugin.settings import Settings

_WAIT_S = 10.0
NAME = "Analysis button"


def examine_button(settings: Settings, services: AnalysisServices | None) -> Iterator[Check]:
    """What is wrong with it, or that nothing is; one line where it is off."""
    if settings.analysis_secret is None:
        yield Check(name=NAME, ok=True, found=f"off: {PREFIX}ANALYSIS_SECRET is not set")
        return
    try:
        bodies = wanted(settings)
        if settings.web_bind is None:
            raise ConfigError(f"{PREFIX}WEB_BIND: not set, so nobody answers requests")
    except ConfigError as error:
        yield Check(name=NAME, ok=False, found="not set up", remedy=str(error))
        return
    yield _registered(bodies, services)
    yield _reachable(settings, bodies)


def _registered(bodies: list[dict[str, Any]], services: AnalysisServices | None) -> Check:
    remedy = "run `astranet register`"
    try:
        there = {} if services is None else {str(row.get("name")): row for row in services.all()}
    except UpstreamError as error:
        return Check(name=NAME, ok=False, found=str(error), remedy="try again")
    wrong = []
    for body in bodies:
        row = there.get(body["name"])
        if row is None:
            wrong.append(f"{body['name']} is not registered")
        elif not is_ours(row):
            wrong.append(f"{body['name']} is another service, at {row.get('url')}")
        elif changed := [name for name in differences(row, body) if name != "version"]:
            wrong.append(f"{body['name']} has another {', '.join(changed)}")
    if wrong:
        return Check(name=NAME, ok=False, found="; ".join(wrong), remedy=remedy)
    return Check(name=NAME, ok=True, found=f"{' and '.join(body['name'] for body in bodies)} are registered")


def _reachable(settings: Settings, bodies: list[dict[str, Any]]) -> Check:
    """Whether the address that the marshal was told is answered by us; from here, which may not be from there."""
    secret, url = settings.analysis_secret, settings.analysis_url
    assert secret is not None
    assert url is not None
    here = Transport(url, secret.get_secret_value(), scheme="Bearer", timeout_s=_WAIT_S, envelope=lambda body: body)
    try:
        for body in bodies:
            here.get(f"/analysis/{body['name']}")
    except UpstreamError as error:
        remedy = f"start the service, and check {PREFIX}WEB_BIND, {PREFIX}ANALYSIS_URL and the secret"
        return Check(name="requests", ok=False, found=f"{url}: {error}", remedy=remedy)
    finally:
        here.close()
    return Check(name="requests", ok=True, found=f"answered at {url}, asked from this machine")
