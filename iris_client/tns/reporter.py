"""Classification reports to the TNS: upload the spectrum, send the report, ask what became of it.

    upload  set/file-upload         the name under which the TNS keeps the file
    submit  set/bulk-report         the number of the report; that it was taken does not mean that it is accepted
    reply   get/bulk-report-reply   404: not processed yet, 200 or 400: what became of it

`submit` is made once. Whoever gets `Uncertain` from it must look (`stands`) before sending again. Written after the
manual and public clients, and never run with a real key.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from iris_client.errors import BadPayload, NotFound, Refused, Unavailable, Uncertain
from iris_client.tns.budget import Budget
from iris_client.tns.client import ANSWER_S, OK, Reply, Tns, is_html, is_no_result
from iris_client.tns.feedback import Feedback, read_feedback
from iris_client.tns.hosts import Door, may_report_to
from iris_client.tns.mirror import number, text
from iris_client.tns.values import IdTables, read_values

NOT_YET, REJECTED = 404, 400
_MOST_SPECTRA: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What the TNS has of an object.

    Parameters
    ----------
    type : str or None
        None while nobody has classified it.
    spectra : tuple of mapping
        Each with `obsdate`, `instrument_id`, `remarks`, `file`; None where it is not told.
    """

    type: str | None
    spectra: tuple[Mapping[str, Any], ...] = ()


class Reporter(Tns):
    """Sends reports with one bot's key: to the sandbox or this machine, and elsewhere only with `production`.

    Parameters
    ----------
    production : bool
        Whether the TNS itself may be talked to. Without it no request reaches it: the transport refuses.

    Raises
    ------
    ValueError
        If reports may not go to `url`.
    """

    def __init__(
        self,
        url: str,
        *,
        bot_id: int,
        bot_name: str,
        api_key: str,
        production: bool = False,
        budget: Budget | None = None,
        timeout_s: float = ANSWER_S,
    ) -> None:
        if not may_report_to(url, production=production):
            raise ValueError("reports go to https://sandbox.wis-tns.org; to the TNS itself only with production")
        super().__init__(url, bot_id=bot_id, bot_name=bot_name, api_key=api_key, budget=budget, timeout_s=timeout_s)
        self._guard(Door(writes=True, production=production))

    def values(self, origin: str) -> IdTables:
        """The numbers of types and instruments as they are now."""
        return self._ask("get/values", {}, lambda data: read_values(data, origin))

    def stands(self, name: str) -> Standing:
        """What the TNS has of an object, by its bare name.

        Raises
        ------
        NotFound
            If it has no such object.
        """

        def read(data: Any) -> Standing:
            if isinstance(data, Mapping) and "objname" in data:
                return _standing(data)
            if is_no_result(data):
                raise NotFound(f"the TNS has no object {name!r}")
            raise BadPayload(f"get/object: neither an object nor 'no results': {self._sample(json.dumps(data))}")

        return self._ask("get/object", {"objname": name, "photometry": "0", "spectra": "1"}, read)

    def upload(self, name: str, content: bytes) -> str:
        """Upload a file; returns the name under which the TNS keeps it. Twice is two files, which does no harm."""
        form = {"api_key": self._secrets.value}
        files = {"files[0]": (name, content, "text/plain")}
        reply = self._post("/api/set/file-upload", form, self._timeout_s, files=files)
        if reply.status_code != OK or is_html(reply):
            raise self._judge(reply, "set/file-upload")
        stored = self._payload(reply, "set/file-upload")
        found = text(stored[0], 255) if isinstance(stored, list) and stored else None
        if found is None:
            raise BadPayload(f"set/file-upload: no name of a file: {self._sample(json.dumps(stored))}")
        return found

    def submit(self, report: Mapping[str, Any]) -> str:
        """Send a report, once; returns its number.

        Raises
        ------
        Refused
            If it was not taken: wrong key, or a report that is none.
        Uncertain
            If it may have been taken: the answer was lost, half, a page for people, or an error of the server.
        Unavailable
            If it was never sent: there was no connection, or our own count of the budget is used up.
        """
        path = "set/bulk-report"
        form = {"api_key": self._secrets.value, "data": json.dumps(report)}
        try:
            reply = self._post(f"/api/{path}", form, self._timeout_s)
        except BadPayload as error:
            raise Uncertain(str(error)) from None
        if reply.status_code != OK or is_html(reply):
            judged = self._judge(reply, path)
            raise judged if isinstance(judged, Refused) else Uncertain(str(judged), status=reply.status_code)
        try:
            found = self._payload(reply, path)
        except (BadPayload, Unavailable) as error:
            raise Uncertain(str(error)) from None
        value = number(found.get("report_id")) if isinstance(found, Mapping) else None
        if value is None:
            raise Uncertain(f"{path}: taken, but without a number: {self._sample(json.dumps(found))}")
        return str(int(value))

    def reply(self, report_id: str) -> Feedback | None:
        """What became of a report; None while it is not processed.

        Raises
        ------
        UpstreamError
            If that cannot be found out now.
        """
        path = "get/bulk-report-reply"
        form = {"api_key": self._secrets.value, "report_id": report_id}
        reply = self._post(f"/api/{path}", form, self._timeout_s)
        if is_html(reply) or reply.status_code not in {OK, NOT_YET, REJECTED}:
            raise self._judge(reply, path)
        return self._read_reply(reply, path)

    def _read_reply(self, reply: Reply, path: str) -> Feedback | None:
        try:
            body = json.loads(reply.content)
        except (ValueError, RecursionError):
            raise BadPayload(f"TNS {path}: no JSON: {self._sample(reply.content)}") from None
        if not isinstance(body, Mapping):
            raise BadPayload(f"TNS {path}: no envelope: {self._sample(reply.content)}")
        code = int(number(body.get("id_code")) or reply.status_code)
        if NOT_YET in {code, reply.status_code}:
            return None
        if code not in {OK, REJECTED}:
            self._payload(reply, path)  # raises what such a code means
        data = body.get("data")
        data = data["reply"] if isinstance(data, Mapping) and "reply" in data else data
        if not isinstance(data, Mapping | list) or not data:
            raise BadPayload(f"TNS {path}: no feedback: {self._sample(reply.content)}")
        return read_feedback(data, refused=REJECTED in {code, reply.status_code})


def _standing(data: Mapping[str, Any]) -> Standing:
    kind = data.get("object_type")
    rows = data.get("spectra")
    spectra = [_spectrum(row) for row in rows[:_MOST_SPECTRA] if isinstance(row, Mapping)] if rows else []
    return Standing(type=text(kind.get("name") if isinstance(kind, Mapping) else kind), spectra=tuple(spectra))


def _spectrum(row: Mapping[str, Any]) -> dict[str, Any]:
    instrument = row.get("instrument")
    found = number(instrument.get("id")) if isinstance(instrument, Mapping) else None
    return {
        "obsdate": text(row.get("obsdate")),
        "instrument_id": None if found is None else int(found),
        "remarks": text(row.get("remarks"), 2000),
        "file": text(row.get("asciifile"), 500),
    }
