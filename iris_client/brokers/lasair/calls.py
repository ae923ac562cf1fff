"""Calls to Lasair's API: its methods, its errors, and how many calls there may be.

Arguments go as a form by POST, with the token in a header. Errors come with code 200 and a key `error` as often as with
another code. Lasair keeps one annotation per (topic, object), and a later one replaces it (`REPLACE INTO`): one whose
answer was lost is sent again.
"""

import json
import re
import time
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal
from urllib.parse import urlencode

import httpx

from iris_client.brokers.lasair.budget import HourlyBudget
from iris_client.errors import BadPayload, NotFound, Refused, Unavailable
from iris_client.http.closing import Closing
from iris_client.http.transport import ANSWER_S, Hooks, Transport
from iris_client.protocols import Upserted

Survey = Literal["ZTF", "LSST"]
ENDPOINTS: Final[Mapping[Survey, str]] = {
    "ZTF": "https://lasair-ztf.lsst.ac.uk/api",
    "LSST": "https://api.lasair.lsst.ac.uk/api",
}
VERSION: Final = 16
"""Characters of an annotation's version that Lasair takes."""
ROWS: Final = 1000
"""Rows of a query at a time."""
_LONGEST: Final = {"classification": 80, "explanation": 1024, "url": 1024}
_AWAY: Final = re.compile(r"(?i)connect|kafka production|timed? ?out|lock wait|deadlock|gone away")


class LasairCalls(Closing):
    """What can be asked of Lasair, one method of the API each.

    Parameters
    ----------
    url : str
        Of the API, such as `ENDPOINTS["ZTF"]`.
    survey : str
        Whose names and methods it has.
    budget : HourlyBudget, optional
        By default that of an ordinary token.
    """

    def __init__(
        self,
        url: str,
        token: str,
        *,
        survey: Survey = "ZTF",
        budget: HourlyBudget | None = None,
        timeout_s: float = ANSWER_S,
        sleep: Callable[[float], None] = time.sleep,
        hooks: Hooks | None = None,
        http: httpx.BaseTransport | None = None,
    ) -> None:
        self.survey, self.budget = survey, budget or HourlyBudget(sleep=sleep)
        options: dict[str, Any] = {"timeout_s": timeout_s, "sleep": sleep, "hooks": hooks, "http": http}
        options |= {"scheme": "Token", "envelope": lasair_envelope}
        self._read = Transport(url, token, pacer=self.budget, **options)
        self._write = Transport(url, token, pacer=self.budget.writing, **options)

    def __repr__(self) -> str:
        return f"LasairCalls({self.url!r})"

    @property
    def url(self) -> str:
        """Of the API."""
        return self._read.url

    def close(self) -> None:
        """Close every connection."""
        self._read.close()
        self._write.close()

    def objects(self, names: list[str]) -> list[Any]:
        """What Lasair-ZTF has of at most ten objects; null for those that it does not know."""
        found: list[Any] = self._call("objects", {"objectIds": ",".join(names)}, expect=list)
        return found

    def object(self, name: str) -> Mapping[str, Any]:
        """What Lasair-LSST has of one object; empty when it does not know it."""
        try:
            form = {"objectId": name, "lasair_added": True, "lite": False}
            found: Mapping[str, Any] = self._call("object", form, expect=dict)
        except NotFound:
            return {}
        return found

    def sherlock(self, name: str) -> Mapping[str, Any]:
        """Sherlock's whole record of an object with its cross-matches; empty when there is none."""
        if self.survey == "LSST":
            found: Any = self._call("sherlock/object", {"objectId": name, "lite": False}, expect=dict)
        else:
            found = self._call("sherlock/objects", {"objectIds": name, "lite": False}, expect=object)
        if isinstance(found, list):
            found = next((row for row in found if isinstance(row, Mapping)), {})
        inner = found.get(name)
        return inner if isinstance(inner, Mapping) else found

    def digest(self, topic: str, limit: int) -> list[Any]:
        """The last records of a topic of Lasair-ZTF, at most a thousand."""
        found: list[Any] = self._call(f"streams/{topic}", {"limit": limit}, expect=list)
        return found

    def query(self, selected: str, tables: str, conditions: str, *, most: int = 10_000) -> list[Mapping[str, Any]]:
        """The rows of a SELECT, at most so many, by a thousand a call."""
        rows: list[Mapping[str, Any]] = []
        while len(rows) < most:
            asked = {"selected": selected, "tables": tables, "conditions": conditions}
            limit = min(ROWS, most - len(rows))
            found = self._call("query", asked | {"limit": limit, "offset": len(rows)}, expect=list)
            if not all(isinstance(row, Mapping) for row in found):
                raise BadPayload("query: a list of other things than rows")
            rows += found
            if len(found) < limit:
                break
        return rows

    def annotate(self, topic: str, target_id: str, body: Mapping[str, Any]) -> Upserted:
        """Let the annotation of this topic on an object be exactly this.

        Parameters
        ----------
        topic : str
            Of an annotator that Lasair's team has made for this account.
        body : mapping
            `classification`, `version`, `explanation`, `classdict` (a mapping), `url`.

        Raises
        ------
        Refused, NotFound
            If the topic is not ours or switched off; if it is not there.
        """
        form = {"objectId": target_id, "topic": topic, "version": _plain(body.get("version") or "0.1")[:VERSION]}
        form |= {key: _plain(body.get(key) or "")[:most] for key, most in _LONGEST.items()}
        form["classdict"] = _plain(json.dumps(body.get("classdict") or {}, sort_keys=True, allow_nan=False))
        if not form["classification"]:
            raise Refused("not sent: an annotation needs a classification")
        answer = self._call("annotate", form, expect=dict, write=True)
        if answer.get("status") != "success":
            raise BadPayload(f"annotate: no success, but {sorted(map(str, answer))[:6]}")
        return Upserted(f"{topic}/{target_id}"[:64])

    def _call(self, method: str, form: Mapping[str, Any], *, expect: type, write: bool = False) -> Any:
        """Call a method; after a 429 nothing is called for as long as Lasair asks for."""
        try:
            door = self._write if write else self._read
            return door.ask(f"/{method}/", urlencode(form).encode(), expect=expect)
        except Unavailable as error:
            if error.status == 429 and error.retry_after is not None:
                self.budget.pause(error.retry_after)
            raise


def lasair_envelope(body: Any) -> Any:
    """Lasair's answers have none, but for errors, which come with code 200.

    Raises
    ------
    ValueError
        If it is neither a list nor an object.
    Refused, NotFound, Unavailable
        What an error means: a missing topic is not found, a database that is away may come back.
    """
    if not isinstance(body, list | dict):
        raise ValueError("no answer of Lasair's")
    error = body.get("error") if isinstance(body, dict) else None
    if error is None:
        return body
    said = " ".join(re.sub(r"<[^>]*>", " ", str(error)).split())
    if "digest file" in said or "does not exist" in said:
        raise NotFound(said)
    raise (Unavailable if _AWAY.search(said) else Refused)(said)


def _plain(value: object) -> str:
    """A text that survives Lasair's SQL, into which it is put between single quotes and as it is."""
    text = str(value).replace("'", "\u2019").replace("\\", "/")
    return "".join(c for c in text if c.isprintable())


class LasairAnnotator:
    """A `streams.Annotator`: one topic that this account owns.

    Parameters
    ----------
    topic : str
        Of an annotator that Lasair's team has made for this account.
    """

    def __init__(self, calls: LasairCalls, topic: str) -> None:
        self._calls, self._topic = calls, topic

    def close(self) -> None:
        """Close every connection."""
        self._calls.close()

    def annotate(self, target_id: str, body: Mapping[str, Any]) -> Upserted:
        """Let our annotation of an object be exactly this."""
        return self._calls.annotate(self._topic, target_id, body)
