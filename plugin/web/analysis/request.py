"""A request for an analysis as SkyPortal 1.4 sends it, checked before anything of it is stored."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from iris_client.errors import NotFound
from iris_client.marshal.places import source_path
from plugin.clock import moment
from plugin.cycle.analyses.inputs import Inputs, read

_LONGEST_NAME: Final = 255


class BadRequest(Exception):
    """A request that is not taken: HTTP status, and a sentence that whoever pressed the button will see."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalysisRequest:
    """What is asked for.

    Parameters
    ----------
    hook : str
        Where the answer goes. A secret.
    """

    target_id: str
    hook: str
    inputs: Inputs
    invalid_after: datetime | None

    def __repr__(self) -> str:
        return f"AnalysisRequest({self.target_id!r})"


def parse_request(body: bytes, check_hook: Callable[[str], None]) -> AnalysisRequest:
    """Read and check the body of a request.

    Parameters
    ----------
    check_hook : callable
        Raises `ValueError` for an address that is no web hook of the marshal's.

    Raises
    ------
    BadRequest
        If it is not as SkyPortal sends it, is larger than agreed, or would have us answer somebody else.
    """
    sent = _object(body)
    if sent.get("analysis_resource_type") != "obj":
        raise BadRequest(400, "only analyses of objects are answered")
    if sent.get("callback_method", "POST") != "POST":
        raise BadRequest(400, "answers are sent by POST only")
    hook = sent.get("callback_url")
    if not isinstance(hook, str):
        raise BadRequest(400, "there is no call-back address")
    try:
        check_hook(hook)
    except ValueError as error:
        raise BadRequest(403, str(error)) from None
    inputs = sent.get("inputs")
    try:
        if not isinstance(inputs, dict):
            raise ValueError("there are no inputs")
        return AnalysisRequest(
            target_id=_target(sent.get("resource_id")),
            hook=hook,
            inputs=read(inputs),
            invalid_after=_time(sent.get("invalid_after")),
        )
    except ValueError as error:
        raise BadRequest(400, str(error)) from None


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        raise BadRequest(400, "the request is no JSON") from None
    if not isinstance(found, dict):
        raise BadRequest(400, "the request is no JSON object")
    return found


def _target(name: object) -> str:
    if not isinstance(name, str) or len(name) > _LONGEST_NAME:
        raise ValueError("the object has no usable name")
    try:
        source_path(name)
    except NotFound as error:
        raise ValueError(str(error)) from None
    return name


def _time(text: object) -> datetime | None:
    """When the marshal stops waiting; it writes "None" where it never does."""
    try:
        return moment(text) if isinstance(text, str) else None
    except ValueError:
        return None
