"""Is everything there that the service needs? Each check says what it found, and what to do when it is not right."""

from collections.abc import Callable, Iterator
from contextlib import closing

from iris_client.protocols import Marshal
from plugin.drift.view import drift_check
from plugin.ops.channels import chat
from plugin.ops.check import Check
from plugin.ops.doctor.alerts import alert_checks, lasair_check
from plugin.ops.doctor.local import false_alarms, here
from plugin.ops.doctor.marshal import marshal_checks
from plugin.ops.doctor.tns import tns_check
from plugin.settings import ConfigError, Settings
from plugin.sources.marshal import make_source

__all__ = ["Check", "examine", "false_alarms"]


def examine(settings: Settings, *, client: Callable[[Settings], Marshal] = make_source) -> Iterator[Check]:
    """Every check, in the order in which trouble is best removed."""
    yield from here(settings)
    yield from drift_check(settings)
    try:
        marshal = client(settings)
    except ConfigError as error:
        yield Check(name="marshal", ok=False, found="not set up", remedy=str(error))
        return
    with closing(marshal):
        answers = True
        for check in marshal_checks(settings, marshal):
            answers &= check.ok or check.name != "marshal"
            yield check
        yield from alert_checks(settings, marshal if answers else None)
    yield lasair_check(settings)
    yield tns_check(settings)
    yield from chat(settings)
