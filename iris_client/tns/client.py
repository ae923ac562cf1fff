"""The Transient Name Server, reading only: search, object, the bulk CSV files, and listings of its web site.

    403, HTML               the marker is missing or the key may not do that   Refused; for a CSV Unavailable (hours)
    401, JSON               wrong key                                          Refused
    429, JSON               waited for as the headers say, then                Unavailable
    500, 502-504, any HTML  down, or under maintenance (also with 200)         Unavailable
    no or half an answer    lost on the way                                    Unavailable, BadPayload
    200, code 110           there is no such object                            NotFound

API calls that a repetition may help are made `ATTEMPTS` times, each within the budget; bulk files are asked for once.

Written after the TNS 2.0 manual and public clients; never tried with a real key. A search reply holds no position and
no type, so each hit costs another request: cross-match against the mirror (`iris_client.tns.mirror`) whenever possible.
"""

import json
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import IO, Any, Final, TypeVar
from urllib.parse import urlencode, urlsplit

import requests
import tenacity
import urllib3

from iris_client.errors import BadPayload, NotFound, Refused, Unavailable, Uncertain, redact
from iris_client.http.closing import Closing
from iris_client.http.unpack import ACCEPTED, unpacked
from iris_client.tns.budget import PATIENCE_S, Budget
from iris_client.tns.hosts import Door
from iris_client.tns.mirror import TnsObject, from_object, number, read_csv, unzip

CSV_PATH: Final = "/system/files/tns_public_objects"
FULL: Final = "tns_public_objects.csv.zip"
CSV_PAUSE_S: Final = 6 * 3600.0
"""After a 403 on a CSV: repeated downloads get a lasting one."""
OK, NO_RESULTS = 200, 110
CONNECT_S, ANSWER_S = 10.0, 60.0
CSV_PATIENCE: Final = 5
"""A bulk file may take so many times as long as an answer of the API."""
ATTEMPTS: Final = 4
MAX_ANSWER_BYTES: Final = 16 * 2**20
"""Of the API, unpacked: an object without photometry has some kilobytes."""
MAX_FILE_BYTES: Final = 512 * 2**20
"""Of a bulk file as it comes, zipped; the full one has some tens of MB."""
_PIECE, _START = 2**16, 200
_FIRST_WAIT_S, _LONGEST_WAIT_S = 1.0, 20.0

T = TypeVar("T")


class Tns(Closing):
    """A reader of the TNS with one bot's key.

    Parameters
    ----------
    url : str
        `https://www.wis-tns.org` or `https://sandbox.wis-tns.org`.
    bot_id, bot_name, api_key : int, str, str
        As the TNS issued them. The key is kept out of every message.
    budget : Budget, optional
        Share one between all readers of a key.
    timeout_s : float
        Longest wait for an answer of the API, seconds.
    """

    def __init__(
        self,
        url: str,
        *,
        bot_id: int,
        bot_name: str,
        api_key: str,
        budget: Budget | None = None,
        timeout_s: float = ANSWER_S,
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or parts.query:
            raise ValueError("the TNS's address must be http(s)://host[:port]")
        if not re.fullmatch(r"[\x20-\x7e]+", bot_name) or not api_key:
            raise ValueError("the TNS needs the bot's name in plain characters, and its API key")
        self.url = url.rstrip("/")
        self.budget = budget or Budget()
        self._timeout_s = timeout_s
        self._secrets = _Hidden(api_key)
        self._session = requests.Session()
        self._session.trust_env = parts.hostname not in {"localhost", "127.0.0.1", "::1"}
        self._guard(Door(writes=False))
        self._session.headers.update({"User-Agent": marker(bot_id, bot_name), "Accept-Encoding": ACCEPTED})

    def __repr__(self) -> str:
        return f"Tns({self.url!r})"

    def _guard(self, door: Door) -> None:
        """Let every request of this client pass through a door of its own, which holds what must not leave."""
        for scheme in ("https://", "http://"):
            self._session.mount(scheme, door)

    def close(self) -> None:
        """Close every connection."""
        self._session.close()

    def near(self, ra_deg: float, dec_deg: float, radius_arcsec: float) -> list[str]:
        """Bare names of the objects in a cone, such as `2022G`: one request, of the small budget."""
        # Eight decimals make the TNS answer 500; five are a hundredth of an arcsecond.
        query = {"ra": f"{ra_deg:.5f}", "dec": f"{dec_deg:.5f}", "radius": f"{radius_arcsec:g}", "units": "arcsec"}
        return self._ask("get/search", query, self._names, cone=True)

    def named(self, internal_name: str) -> list[str]:
        """Bare names of the objects that a survey calls so; may miss some, the TNS does not know every name."""
        return self._ask("get/search", {"internal_name": internal_name}, self._names)

    def object(self, name: str) -> TnsObject:
        """One object by its bare name.

        Raises
        ------
        NotFound
            If there is none.
        """

        def read(data: Any) -> TnsObject:
            if isinstance(data, Mapping) and "objname" in data:
                return from_object(data)
            if is_no_result(data):
                raise NotFound(f"the TNS has no object {name!r}")
            raise BadPayload(f"get/object: neither an object nor 'no results': {self._sample(json.dumps(data))}")

        return self._ask("get/object", {"objname": name, "photometry": "0", "spectra": "0"}, read)

    def bulk(self, file: str) -> Iterator[TnsObject]:
        """The objects of a bulk CSV: `FULL`, `daily_file` or `hourly_file`, read from disk as they are asked for.

        Raises
        ------
        NotFound
            If there is no such file (yet, or any more).
        Unavailable
            After a 403 with `retry_after` of hours: leave the file alone for so long.
        BadPayload
            If it is no zipped CSV, or half of one; perhaps only after its first objects.
        """
        form = {"api_key": self._secrets.value}
        with tempfile.TemporaryFile() as kept:
            reply = self._post(f"{CSV_PATH}/{file}", form, self._timeout_s * CSV_PATIENCE, cone=False, keep=kept)
            if reply.status_code == 404:
                raise NotFound(f"the TNS has no file {file}", status=404)
            if reply.status_code == 403:
                raise Unavailable(f"the TNS refuses {file} for now", status=403, retry_after=CSV_PAUSE_S)
            if reply.status_code != 200 or is_html(reply):
                raise self._judge(reply, file)
            yield from read_csv(unzip(kept))

    def listed(self, path: str, query: Mapping[str, str]) -> Any:
        """What a page of the web site answers in JSON, asked for with the marker and without the key: one request."""
        reply = self._post(f"{path}?{urlencode(query)}", {}, self._timeout_s, method="GET")
        if reply.status_code != 200 or is_html(reply):
            raise self._judge(reply, path)
        try:
            return json.loads(reply.content)
        except (ValueError, RecursionError):
            raise BadPayload(f"TNS {path}: no JSON: {self._sample(reply.content)}") from None

    def _names(self, data: Any) -> list[str]:
        if is_no_result(data):
            return []
        if not isinstance(data, list):
            raise BadPayload(f"get/search: no list: {self._sample(json.dumps(data))}")
        named = (row.get("objname") for row in data if isinstance(row, Mapping))
        return [name for name in named if isinstance(name, str) and name]

    def _ask(self, path: str, query: Mapping[str, str], read: Callable[[Any], T], *, cone: bool = False) -> T:
        """An API call and what its answer means, as often as that may help; after a 429 the budget waits."""
        repeated = tenacity.Retrying(
            retry=tenacity.retry_if_exception(_may_help),
            stop=tenacity.stop_after_attempt(ATTEMPTS),
            wait=_wait,
            sleep=self.budget.sleep,
            reraise=True,
        )
        found: T = repeated(lambda: read(self._once(path, query, cone=cone)))
        return found

    def _once(self, path: str, query: Mapping[str, str], *, cone: bool) -> Any:
        form = {"api_key": self._secrets.value, "data": json.dumps(query)}
        reply = self._post(f"/api/{path}", form, self._timeout_s, cone=cone)
        if reply.status_code != 200 or is_html(reply):
            raise self._judge(reply, path)
        return self._payload(reply, path)

    def _post(
        self,
        path: str,
        form: Mapping[str, str],
        seconds: float,
        *,
        cone: bool = False,
        keep: IO[bytes] | None = None,
        files: Mapping[str, tuple[str, bytes, str]] | None = None,
        method: str = "POST",
    ) -> "Reply":
        """One request; what comes back is in memory, or in the file `keep` when it is an answer of status 200.

        `files` are sent along as a multipart form: name of the field to name, content and media type of the file.

        Raises
        ------
        Uncertain
            If the request may have arrived and its answer is lost.
        Unavailable
            If it cannot have arrived, or the budget is used up.
        """
        limits, to_file = (min(CONNECT_S, seconds), seconds), False
        with self.budget.turn(cone=cone):
            try:
                with self._session.request(
                    method, self.url + path, data=form, files=files, timeout=limits, allow_redirects=False, stream=True
                ) as reply:
                    headers = {name.lower(): value for name, value in reply.headers.items()}
                    self.budget.learn(headers, refused=reply.status_code == 429, cone=cone)
                    to_file = keep is not None and reply.status_code == 200
                    most = MAX_FILE_BYTES if to_file else MAX_ANSWER_BYTES
                    raw = iter(lambda: reply.raw.read(_PIECE), b"")
                    parts = unpacked(raw, headers.get("content-encoding", ""), limit=most, what=f"TNS {path}")
                    if keep is not None and to_file:
                        keep.writelines(parts)
                        keep.seek(0)
                        content = keep.read(_START)
                    else:
                        content = b"".join(parts)
            except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
                lost = Unavailable if _never_arrived(error) else Uncertain
                raise lost(f"TNS {path}: no answer ({type(error).__name__})") from None
        return Reply(reply.status_code, headers, content)

    def _judge(self, reply: "Reply", path: str) -> Exception:
        status, said = reply.status_code, f"TNS {path}: {reply.status_code} {self._sample(reply.content)}"
        if status == 429:
            wait = max(window.wait(self.budget.clock()) for window in (self.budget.everything, self.budget.cones))
            return Unavailable(said, status=status, retry_after=wait or None)
        if status == 403:
            return Refused(f"TNS {path}: 403; is the bot's id and name right?", status=status)
        if status in {200, 408} or status >= 500:
            return Unavailable(f"{said} (maintenance?)", status=status)
        return Refused(said, status=status)

    def _payload(self, reply: "Reply", path: str) -> Any:
        """`data` of the new envelope, `data.reply` of the one before 2025."""
        try:
            body = json.loads(reply.content)
        except (ValueError, RecursionError):
            raise BadPayload(f"TNS {path}: no JSON: {self._sample(reply.content)}") from None
        code = number(body.get("id_code")) if isinstance(body, Mapping) else None
        if code is not None and code != OK:
            said = f"TNS {path}: {code:g} {self._sample(str(body.get('id_message')))}"
            if code == 429:
                raise Unavailable(said)
            broken = code == 408 or 500 <= code < 600
            raise (Unavailable if broken else Refused)(said, status=_status(code))
        if not isinstance(body, Mapping) or "data" not in body:
            raise BadPayload(f"TNS {path}: no envelope: {self._sample(reply.content)}")
        data = body["data"]
        return data["reply"] if isinstance(data, Mapping) and "reply" in data else data

    def _sample(self, text: str | bytes) -> str:
        text = text[:2000].decode("utf-8", "replace") if isinstance(text, bytes) else text[:2000]
        return redact(" ".join(text.split()), [self._secrets.value])[:120]


def marker(bot_id: int, bot_name: str) -> str:
    """The `User-Agent` that the TNS asks every bot for."""
    return "tns_marker" + json.dumps({"tns_id": bot_id, "type": "bot", "name": bot_name})


def daily_file(day: str) -> str:
    """The bulk file of what changed on one UT day, `YYYYMMDD`."""
    return f"tns_public_objects_{day}.csv.zip"


def hourly_file(hour: int) -> str:
    """The bulk file of what changed in one UT hour, 0 to 23."""
    return f"tns_public_objects_{hour:02d}.csv.zip"


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back; of a file only its start."""

    status_code: int
    headers: Mapping[str, str]
    content: bytes


def _never_arrived(error: Exception) -> bool:
    """Whether no connection was made, so that nothing can have been sent."""
    if isinstance(error, requests.ConnectTimeout | requests.exceptions.SSLError | requests.exceptions.ProxyError):
        return True
    reason = getattr(error.args[0] if error.args else None, "reason", None)
    return isinstance(reason, urllib3.exceptions.NewConnectionError)


def is_html(reply: Reply) -> bool:
    """Whether an answer is a page for people, such as one about maintenance."""
    kind = reply.headers.get("content-type", "").lower()
    return "html" in kind or reply.content[:200].lstrip().lower().startswith((b"<!doctype", b"<html"))


def is_no_result(data: Any, depth: int = 3) -> bool:
    """Code 110 in the reply, which stands a level or two down, or nothing at all."""
    if not isinstance(data, Mapping):
        return depth == 3 and (data is None or data == [])
    if str(NO_RESULTS) in data or number(data.get("message_id")) == NO_RESULTS:
        return True
    return depth > 0 and any(is_no_result(value, depth - 1) for value in data.values() if isinstance(value, Mapping))


def _status(code: float) -> int | None:
    return int(code) if 100 <= code < 600 else None


_backoff = tenacity.wait_exponential(multiplier=_FIRST_WAIT_S, max=_LONGEST_WAIT_S)


def _wait(state: tenacity.RetryCallState) -> float:
    """Longer each time; nothing after a 429, for which the budget waits."""
    error = state.outcome.exception() if state.outcome else None
    return 0.0 if isinstance(error, Unavailable) and error.status == 429 else float(_backoff(state))


def _may_help(error: BaseException) -> bool:
    """What was lost or spoilt on the way; a budget that is used up for long is for the caller to come back to."""
    if isinstance(error, Unavailable):
        return (error.retry_after or 0.0) <= PATIENCE_S
    return isinstance(error, BadPayload)


class _Hidden:
    """Holds a value that no representation shows."""

    def __init__(self, value: str) -> None:
        self.value = value

    def __repr__(self) -> str:
        return "<secret>"
