"""SkyPortal (and Fritz, which is one) over REST, as a `protocols.Marshal`.

The traps of its API, each met in one place: errors and rate limit in `transport`, `answers` and `pacer`; the missing
upsert in `annotations`; a bot's defaults in `classifications`; paging and polling here.
"""

import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

import httpx

from iris_client.errors import BadPayload
from iris_client.http.closing import Closing
from iris_client.http.pacer import Pacing
from iris_client.http.responses import http_date
from iris_client.http.transport import ANSWER_S, Hooks, Transport
from iris_client.marshal import parse
from iris_client.marshal.annotations import Annotations
from iris_client.marshal.classifications import SITEWIDE, Classifications
from iris_client.marshal.comments import Comments
from iris_client.marshal.places import source_path, spectrum_path
from iris_client.marshal.services import AnalysisServices
from iris_client.marshal.tags import Tags
from iris_client.marshal.windows import in_windows
from iris_client.marshal.written import Writings
from iris_client.protocols import Account, Annotation, Place, SaveStub, SourceStub, SpectrumStub, Upserted
from models.domain import Host, LightCurve, RawSpectrum, Target

_PAGE: Final = 100
"""Rows of a page; the server clips at 500, and large pages time out on a busy one."""


class SkyPortal(Closing):
    """A marshal over REST.

    Parameters
    ----------
    url, token : str
        Where it is and who we are. The token needs `Annotate`, and `Comment` and `Classify` if those are used.
    timeout_s : float
        Longest wait for one answer, seconds.
    pacer : Pacing, optional
        By default one per token in this process, below SkyPortal's 5 requests per second.
    taxonomy : str
        Which taxonomy classifications are made in.
    sleep : callable
        How to wait between repetitions.
    hooks : Hooks, optional
        Who is told of each request and each repetition.
    http : httpx.BaseTransport, optional
        What carries the requests.
    """

    def __init__(
        self,
        url: str,
        token: str,
        *,
        timeout_s: float = ANSWER_S,
        pacer: Pacing | None = None,
        taxonomy: str = SITEWIDE,
        sleep: Callable[[float], None] = time.sleep,
        hooks: Hooks | None = None,
        http: httpx.BaseTransport | None = None,
    ) -> None:
        self._transport = Transport(url, token, timeout_s=timeout_s, pacer=pacer, sleep=sleep, hooks=hooks, http=http)
        self._lock = threading.Lock()
        self._me: int | None = None
        self._annotations = Annotations(self._transport, self._user_id)
        self._comments = Comments(self._transport, self._user_id)
        self._classifications = Classifications(self._transport, self._user_id, taxonomy)
        self._tags = Tags(self._transport, self._user_id)

    def __repr__(self) -> str:
        return f"SkyPortal({self._transport.url!r})"

    def close(self) -> None:
        """Close every connection."""
        self._transport.close()

    def spectra_modified_since(self, cursor: str | None, *, group_ids: Sequence[int]) -> list[SpectrumStub]:
        """Stubs with `modified >= cursor`, oldest first.

        The server compares inclusively and to the microsecond, with its own `modified`, so the cursor must be one of
        its own values. Everything is returned at once: there are no pages.
        """
        params = {"minimalPayload": "true"} | _groups("groupIDs", group_ids)
        if cursor is not None:
            params["modifiedAfter"] = cursor
        found = self._transport.get("/api/spectra", params, expect=list)
        stubs = [parse.stub(row) for row in parse.rows(found)]
        return sorted(stubs, key=lambda stub: (stub.modified, int(stub.spectrum_id)))

    def spectra_shared_with(self, *, group_ids: Sequence[int]) -> Iterator[SpectrumStub]:
        """Every spectrum that one of these groups sees, once for each.

        Sharing does not touch `modified`, so this is the only way to find what was shared late. The short list does
        not say who sees what, so each group is asked for by itself, in windows of the time of observation.
        """
        for group in sorted(set(group_ids)):
            for stub in self._observed([group]):
                yield replace(stub, group_ids=(group,))
        if not group_ids:
            yield from self._observed([])

    def _observed(self, group_ids: Sequence[int]) -> Iterator[SpectrumStub]:
        """The stubs of all times, each once."""
        params = {"minimalPayload": "true"} | _groups("groupIDs", group_ids)

        def ask(begin: datetime | None, end: datetime | None) -> Sequence[SpectrumStub]:
            limits = {"observedAfter": begin, "observedBefore": end}
            given = {name: when.isoformat() for name, when in limits.items() if when is not None}
            found = self._transport.get("/api/spectra", params | given, expect=list)
            return [parse.stub(row) for row in parse.rows(found)]

        seen: set[str] = set()
        for stubs in in_windows(ask, now=datetime.now(UTC).replace(tzinfo=None)):
            yield from (stub for stub in stubs if stub.spectrum_id not in seen)
            seen.update(stub.spectrum_id for stub in stubs)

    def sources_modified_since(self, cursor: str, *, group_ids: Sequence[int]) -> Iterator[SourceStub]:
        """Sources of these groups that have spectra, and whose own row changed after `cursor`.

        The list is one that the server freezes for us, so that no source slips between two pages.
        """
        params: dict[str, str | int] = {"hasSpectrum": "true", "removeNested": "true", "useCache": "true"}
        params |= {"createdOrModifiedAfter": cursor} | _groups("group_ids", group_ids)
        for row in self._listed("/api/sources", "sources", params):
            yield parse.source(row)

    def candidates(self, *, group_ids: Sequence[int], detected_after: str | None = None) -> Iterator[Target]:
        """Objects whose alerts passed a filter of these groups, saved by anybody or not, each once.

        Nobody's candidates are in `/api/sources`; annotations and photometry work on them all the same.

        Parameters
        ----------
        detected_after : str, optional
            ISO time, UTC: only those detected since.
        """
        params: dict[str, str | int] = {} if detected_after is None else {"startDate": detected_after}
        for row in self._listed("/api/candidates", "candidates", params | _groups("groupIDs", group_ids)):
            yield parse.target(row)

    def saves(self, *, group_ids: Sequence[int], since: str | None = None) -> Iterator[SaveStub]:
        """The saves of sources to one of these groups: the server's shortest list of them.

        Parameters
        ----------
        since : str, optional
            One of the server's own time stamps: only saves at that time and later.
        """
        params: dict[str, str | int] = {"saveSummary": "true"}
        if since is not None:
            params["savedAfter"] = since
        for row in self._listed("/api/sources", "sources", params | _groups("group_ids", group_ids)):
            if row.get("active", True):
                yield parse.save(row)

    def _listed(self, path: str, key: str, params: dict[str, str | int]) -> Iterator[Mapping[str, Any]]:
        """The rows of a paged list, each once. The server's `queryID` keeps the list as it was at the first page."""
        seen: set[str] = set()
        number, more = 1, True
        while more:
            page = self._transport.get(path, {**params, "numPerPage": _PAGE, "pageNumber": number})
            new = {str(row["id"]): row for row in parse.rows(page.get(key)) if "id" in row}
            yield from (row for name, row in new.items() if name not in seen)
            more = not seen.issuperset(new) and len(seen.union(new)) < _total(page)
            seen.update(new)
            number += 1
            if isinstance(page.get("queryID"), str):
                params = {**params, "queryID": page["queryID"]}

    def spectrum(self, spectrum_id: str) -> RawSpectrum:
        """The arrays of one spectrum; raises `NotFound` when it is gone or not shared with the token."""
        return parse.spectrum(self._transport.get(spectrum_path(spectrum_id)))

    def spectra_of(self, target_id: str) -> list[RawSpectrum]:
        """The spectra of one source that the token may read, with their arrays."""
        found = self._transport.get(f"{source_path(target_id)}/spectra")
        return [parse.spectrum(row) for row in parse.rows(found.get("spectra"))]

    def target(self, target_id: str) -> Target:
        """The source it belongs to; raises `NotFound` when there is none."""
        return parse.target(self._transport.get(source_path(target_id)))

    def host(self, target_id: str) -> Host | None:
        """The galaxy that the marshal has as a source's host: where it lies, for it holds no g or r magnitudes."""
        return parse.host(self._transport.get(source_path(target_id)))

    def light_curve(self, target_id: str) -> LightCurve | None:
        """Photometry of one source in AB magnitudes, sorted; None when there is none."""
        path = f"{source_path(target_id)}/photometry"
        return parse.light_curve(parse.rows(self._transport.get(path, {"format": "mag", "magsys": "ab"}, expect=list)))

    def account(self) -> Account:
        """Who we are there: the profile, with the rights of the token and the groups of its owner."""
        profile = self._transport.get("/api/internal/profile")
        found = parse.account(profile, self._transport.get("/api/groups"), self._transport.is_ours)
        self._me = found.user_id
        return found

    def upsert_annotation(
        self,
        place: Place,
        *,
        origin: str,
        data: Mapping[str, Any],
        group_ids: Sequence[int],
        known_id: str | None = None,
        differs: bool = False,
    ) -> Upserted:
        """Make the one annotation of `origin` at `place` hold exactly `data`, for `group_ids`. Unchanged is not sent.

        Raises
        ------
        Refused
            If the data cannot be an annotation, or another user has that origin there.
        """
        return self._annotations.upsert(place, origin, data, group_ids, known_id, differs=differs)

    def delete_annotation(self, place: Place, *, origin: str) -> bool:
        """Take our annotation of `origin` away; False when there was none."""
        return self._annotations.delete(place, origin)

    def annotations(self, place: Place) -> list[Annotation]:
        """The annotations at `place` that the token can read."""
        return self._annotations.at(place)

    def post_comment(
        self,
        place: Place,
        *,
        text: str,
        group_ids: Sequence[int],
        attachment: tuple[str, bytes] | None = None,
        known_id: str | None = None,
    ) -> str:
        """Leave a comment, with a file if given as (name, bytes); returns its id. The same comment twice is one.

        It takes the place of ours with another file of that name.

        Parameters
        ----------
        known_id : str, optional
            Of ours, as an earlier call returned it: then it is sent again, for its groups cannot be read.
        """
        return self._comments.post(place, text, group_ids, attachment, known_id)

    def classify(
        self,
        target_id: str,
        *,
        label: str,
        probability: float,
        origin: str,
        group_ids: Sequence[int],
        known_id: str | None = None,
    ) -> str:
        """One machine classification per (source, origin): updates ours, or adds it; never votes and never labels.

        Parameters
        ----------
        label : str
            One of our fine classes, or a class name of the marshal's taxonomy.
        known_id : str, optional
            Of ours, as an earlier call returned it: then it is sent again, for its groups cannot be read.
        """
        return self._classifications.upsert(target_id, label, probability, origin, group_ids, known_id)

    def declassify(self, target_id: str, *, origin: str) -> bool:
        """Take our machine classifications of `origin` away, and nobody else's; False when there was none."""
        return self._classifications.remove(target_id, origin)

    def class_names(self) -> frozenset[str]:
        """The class names of the taxonomy that classifications are made in; raises `Refused` when it is not there."""
        return self._classifications.classes()

    @property
    def services(self) -> AnalysisServices:
        """The analysis services of the marshal."""
        return AnalysisServices(self._transport)

    def writings(self, author_id: int, *, origins: Collection[str], files: Collection[str] = ()) -> Writings:
        """What an account has written under some origins, and comments with files of some names: to take it away."""
        return Writings(
            transport=self._transport, listed=self._listed, author_id=author_id, origins=origins, files=files
        )

    def tag_options(self) -> Mapping[str, int]:
        """The names of tags that may be given to sources, with their numbers."""
        return self._tags.options()

    def set_tags(
        self, target_id: str, *, names: Collection[str], vocabulary: Collection[str], group_ids: Sequence[int]
    ) -> None:
        """Make our tags on a source exactly these; only tags of ours whose name is in the vocabulary are removed.

        Raises
        ------
        Refused
            If the marshal has no option of a name, or does not let this token take a tag away.
        """
        self._tags.settle(target_id, names, vocabulary, group_ids)

    def sysinfo(self) -> Mapping[str, Any]:
        """What the server says of itself; works without any right, so it tells whether anybody is there."""
        found: Mapping[str, Any] = self._transport.get("/api/sysinfo")
        return found

    def server_time(self) -> datetime | None:
        """The server's clock, UTC, to the second; None when it does not say."""
        found: datetime | None = http_date(self._transport.headers("/api/sysinfo").get("date", ""))
        return found

    def _user_id(self) -> int:
        """Our user id, asked for once."""
        with self._lock:
            if self._me is None:
                found = self._transport.get("/api/internal/profile").get("id")
                if not isinstance(found, int):
                    raise BadPayload("the marshal's profile has no user id")
                self._me = found
            return self._me


def _total(page: Mapping[str, Any]) -> int:
    """How many there are in all the pages."""
    total = page.get("totalMatches")
    if not isinstance(total, int):
        raise BadPayload(f"a page of sources without a number of matches; it has {sorted(page)[:12]}")
    return total


def _groups(name: str, group_ids: Sequence[int]) -> dict[str, str | int]:
    """One comma-separated value: of a repeated parameter SkyPortal would keep the last only."""
    return {name: ",".join(str(group) for group in sorted(set(group_ids)))} if group_ids else {}
