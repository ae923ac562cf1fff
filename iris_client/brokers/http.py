"""Alerts and their cutouts from brokers over HTTP: through SkyPortal's `/api/brokers`, or from BOOM itself."""

import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

import httpx

from iris_client.brokers.history import MJD_0
from iris_client.brokers.records import (
    HISTORY,
    STAMPS,
    assembled,
    candid_of,
    listed,
    only,
    photometry_of,
    stubs,
    tns_rows,
)
from iris_client.brokers.surveys import survey_of
from iris_client.errors import BadPayload, NotFound, Refused, Unavailable
from iris_client.http.closing import Closing
from iris_client.http.pacer import Pacer, Pacing
from iris_client.http.transport import ANSWER_S, Hooks, Transport
from iris_client.protocols import Alert, AlertStub
from models.domain import LightCurve

_BRIEF: Final = dict.fromkeys(STAMPS, 0)
_SLOW_MS: Final = 10_000
_NAMES: Final = 500
"""Names in one question."""


class SkyPortalBroker(Closing):
    """A `protocols.CutoutSource`: the broker that a SkyPortal is connected to.

    What the token may see depends on its owner's streams: without any, every list is empty.

    Parameters
    ----------
    url, token : str
        Of the marshal.
    broker : str, optional
        Name of the connection; by default the first active one that serves cutouts of the survey.
    pacer, sleep, hooks, http : optional
        As in `iris_client.http.transport.Transport`. By default all clients of a token share one pacer.
    """

    def __init__(
        self,
        url: str,
        token: str,
        *,
        broker: str | None = None,
        timeout_s: float = ANSWER_S,
        pacer: Pacing | None = None,
        sleep: Callable[[float], None] = time.sleep,
        hooks: Hooks | None = None,
        http: httpx.BaseTransport | None = None,
    ) -> None:
        self._transport = Transport(url, token, timeout_s=timeout_s, pacer=pacer, sleep=sleep, hooks=hooks, http=http)
        self._name = broker
        self._known: dict[str, int] = {}

    def __repr__(self) -> str:
        return f"SkyPortalBroker({self._transport.url!r})"

    def close(self) -> None:
        """Close every connection."""
        self._transport.close()

    def alerts(self, target_id: str) -> list[AlertStub]:
        """The alerts of an object, each once, oldest first; empty when the broker knows none."""
        return stubs(self._rows(target_id))

    def alert(self, target_id: str, candid: str) -> Alert:
        """One alert with stamps and history; raises `NotFound` when there is no such alert of this object."""
        row = next((r for r in self._rows(target_id) if isinstance(r, Mapping) and candid_of(r) == candid), None)
        if row is None:
            raise NotFound(f"the broker has no alert {candid} of {target_id}")
        survey = survey_of(target_id)
        history = self._history(target_id)
        return assembled(row, history, self._stamps(candid, survey), survey=survey)

    def light_curve(self, target_id: str) -> LightCurve | None:
        """Photometry of an object as the broker has it; None when it knows none."""
        return photometry_of(self._rows(target_id), self._history(target_id), survey=survey_of(target_id))

    def tns_matches(self, target_id: str) -> list[Mapping[str, Any]]:
        """Rows of the TNS's catalogue near an object, if the broker's answer holds them."""
        try:
            return tns_rows(self._history(target_id))
        except NotFound:
            return []

    def probe(self) -> str:
        """Whether the marshal has a broker with cutouts of ZTF, and the account a stream of its alerts; which."""
        broker = self._broker("ZTF")
        rows = [row for row in self._transport.get("/api/streams", expect=list) if isinstance(row, Mapping)]
        streams = [str(row.get("name")) for row in rows if _is_of(row, "ZTF")]
        if not streams:
            raise Refused("the account has no stream of ZTF's alerts, so every list of them is empty for it")
        return f"broker {broker} of the marshal, streams: {', '.join(streams)}"

    def _history(self, target_id: str) -> Mapping[str, Any]:
        return self._get(f"alerts/{quote(target_id, safe='')}", survey_of(target_id))

    def _stamps(self, candid: str, survey: str) -> Mapping[str, Any]:
        try:
            return self._get(f"alerts/{quote(candid, safe='')}/cutouts", survey)
        except NotFound:
            return {}  # the alert is there, its stamps are not: that is a caveat, not a failure

    def _rows(self, target_id: str) -> Sequence[Any]:
        return listed(self._ask("alerts", survey_of(target_id), {"objectId": target_id}), "alerts")

    def _get(self, path: str, survey: str) -> Mapping[str, Any]:
        return only(self._ask(path, survey, {}), path)

    def _ask(self, path: str, survey: str, params: Mapping[str, str]) -> Any:
        """Ask through the marshal, which answers 400 whatever goes wrong between it and its broker.

        What a broker does not know comes with code 200 and an empty list, also where one object was asked for.
        """
        url = f"/api/brokers/{self._broker(survey)}/{path}"
        try:
            return self._transport.get(url, {**params, "survey": survey}, expect=object)
        except Refused as error:
            said = str(error)
            if error.status != 400 or ": Error " not in said:
                raise
            kind = NotFound if "No accessible alert" in said or "404" in said else Unavailable
            raise kind(said, status=400) from None

    def _broker(self, survey: str) -> int:
        if survey not in self._known:
            rows = [row for row in self._transport.get("/api/brokers", expect=list) if isinstance(row, Mapping)]
            found = [row["id"] for row in rows if self._serves(row, survey) and isinstance(row.get("id"), int)]
            if not found:
                raise NotFound(f"the marshal has no active broker for cutouts of {survey}")
            self._known[survey] = found[0]
        return self._known[survey]

    def _serves(self, row: Mapping[str, Any], survey: str) -> bool:
        can, surveys = row.get("capabilities"), row.get("surveys")
        able = isinstance(can, Mapping) and all(can.get(key) for key in ("query_alerts", "get_alert", "get_cutouts"))
        named = self._name is None or row.get("name") == self._name
        return bool(named and able and row.get("active") and isinstance(surveys, list) and survey in surveys)


def _is_of(stream: Mapping[str, Any], survey: str) -> bool:
    """Whether a stream lets its users see alerts of a survey."""
    about = stream.get("altdata")
    return isinstance(about, Mapping) and str(about.get("collection", "")).upper().startswith(survey)


class Boom(Closing):
    """A `protocols.CutoutSource`: BOOM's own REST API, with name and password for a token of a few days.

    Parameters
    ----------
    url, username, password : str
        An account of BOOM's main API; those of Babamul are for Kafka.
    """

    def __init__(
        self,
        url: str,
        username: str,
        password: str,
        *,
        timeout_s: float = ANSWER_S,
        pacer: Pacing | None = None,
        sleep: Callable[[float], None] = time.sleep,
        hooks: Hooks | None = None,
        http: httpx.BaseTransport | None = None,
    ) -> None:
        self._options: dict[str, Any] = {"timeout_s": timeout_s, "sleep": sleep, "hooks": hooks, "http": http}
        self._options |= {"envelope": boom_envelope, "secrets": (password,), "scheme": "Bearer"}
        self._options["pacer"] = pacer or Pacer()
        self._url, self._who = url, _Login(username, password)
        self._lock = threading.Lock()
        self._door = Transport(url, None, **self._options)
        self._inside: Transport | None = None

    def __repr__(self) -> str:
        return f"Boom({self._door.url!r})"

    def close(self) -> None:
        """Close every connection."""
        self._door.close()
        if self._inside is not None:
            self._inside.close()

    def alerts(self, target_id: str) -> list[AlertStub]:
        """The alerts of an object, each once, oldest first; empty when there are none."""
        return stubs(self._find(f"{survey_of(target_id)}_alerts", {"objectId": _object_id(target_id)}))

    def alert(self, target_id: str, candid: str) -> Alert:
        """One alert with stamps and history; raises `NotFound` when there is no such alert of this object."""
        survey = survey_of(target_id)
        wanted = {"objectId": _object_id(target_id), "_id": int(candid) if candid.lstrip("-").isdigit() else candid}
        row = only(self._find(f"{survey}_alerts", wanted), "queries/find")
        if not row:
            raise NotFound(f"BOOM has no alert {candid} of {target_id}")
        return assembled(row, self._history(target_id), self._stamps(candid, survey), survey=survey)

    def light_curve(self, target_id: str) -> LightCurve | None:
        """Photometry of an object; None when BOOM knows none."""
        survey = survey_of(target_id)
        rows = self._find(f"{survey}_alerts", {"objectId": _object_id(target_id)})
        return photometry_of(rows, self._history(target_id), survey=survey)

    def news(self, target_ids: Collection[str], *, since_mjd: float) -> list[AlertStub]:
        """Alerts of these objects observed since then, by some hundred names a request."""
        found: list[AlertStub] = []
        for survey in ("ZTF", "LSST"):
            names = sorted(name for name in target_ids if survey_of(name) == survey)
            for i in range(0, len(names), _NAMES):
                some = [one for name in names[i : i + _NAMES] for one in _spellings(name)]
                wanted = {"objectId": {"$in": some}, "candidate.jd": {"$gte": since_mjd + MJD_0}}
                found += stubs(self._find(f"{survey}_alerts", wanted))
        return found

    def seen(self) -> None:
        """Nothing to be told: BOOM keeps everything."""

    def tns_matches(self, target_id: str) -> list[Mapping[str, Any]]:
        """Rows of the TNS's catalogue near an object, BOOM's cross-match."""
        found = self._find(f"{survey_of(target_id)}_alerts_aux", {"_id": _object_id(target_id)}, {"cross_matches": 1})
        return tns_rows(only(found, "queries/find"))

    def probe(self) -> str:
        """Whether name and password are good."""
        self._token(None)
        return f"BOOM at {self._url}"

    def _history(self, target_id: str) -> Mapping[str, Any]:
        wanted = {"_id": _object_id(target_id)}
        found = self._find(f"{survey_of(target_id)}_alerts_aux", wanted, dict.fromkeys(HISTORY, 1))
        return only(found, "queries/find")

    def _stamps(self, candid: str, survey: str) -> Mapping[str, Any]:
        path = f"/surveys/{survey}/cutouts"
        try:
            found: Mapping[str, Any] = self._signed_in(lambda inside: inside.get(path, {"candid": candid}))
        except NotFound:
            return {}  # the alert is there, its stamps are not: that is a caveat, not a failure
        return found

    def _find(self, catalog: str, wanted: Mapping[str, Any], columns: Mapping[str, int] = _BRIEF) -> Sequence[Any]:
        body = {"catalog_name": catalog, "filter": wanted, "projection": columns, "max_time_ms": _SLOW_MS}
        return listed(self._signed_in(lambda inside: inside.ask("/queries/find", body, expect=object)), "queries/find")

    def _signed_in(self, call: Callable[[Transport], Any]) -> Any:
        """Call with a token; once more with a new one when it has expired."""
        inside = self._token(None)
        try:
            return call(inside)
        except Refused as error:
            if error.status != 401:
                raise
        return call(self._token(inside))

    def _token(self, stale: Transport | None) -> Transport:
        """The client with a token, a new one if there is none or it is the stale one."""
        with self._lock:
            if self._inside is None or self._inside is stale:
                answer = self._door.log_in("/auth", self._who.form())
                token = answer.get("access_token")
                if not isinstance(token, str):
                    raise BadPayload("BOOM's answer to the log-in has no access_token")
                if stale is not None:
                    stale.close()
                self._inside = Transport(self._url, token, **self._options)
            return self._inside


def boom_envelope(body: Any) -> Any:
    """BOOM's: `message` and `data`; the log-in answers without.

    Raises
    ------
    ValueError
        If it is another one.
    """
    if not isinstance(body, dict) or not ("data" in body or "access_token" in body):
        raise ValueError("no envelope of BOOM's")
    return body.get("data", body)


class _Login:
    """Name and password, which no representation shows."""

    def __init__(self, username: str, password: str) -> None:
        self._pair = (username, password)

    def form(self) -> dict[str, str]:
        """The two as the form's fields."""
        return dict(zip(("username", "password"), self._pair, strict=True))

    def __repr__(self) -> str:
        return "<login>"


def _object_id(target_id: str) -> Any:
    found = _spellings(target_id)
    return {"$in": found} if len(found) > 1 else target_id


def _spellings(target_id: str) -> list[str | int]:
    """LSST's ids were integers once and are text now; both are meant."""
    return [target_id, int(target_id)] if target_id.isdigit() else [target_id]
