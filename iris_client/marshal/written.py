"""What one account has written under some origins: found to be taken away, when another account takes its place.

SkyPortal has no list of an account's annotations. Sources can be found by an origin, in lower case; their rows hold
annotations and classifications, and the list of a source's spectra holds what hangs on each of them.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from iris_client.errors import NotFound
from iris_client.http.transport import Transport
from iris_client.marshal import parse
from iris_client.marshal.places import place_path, source_path
from iris_client.protocols import Place

Kind = Literal["annotation", "classification", "comment"]
Listed = Callable[[str, str, dict[str, str | int]], Iterator[Mapping[str, Any]]]
_NO_LABEL: Final = {"label": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """One thing that an account has written.

    Parameters
    ----------
    number : int
        The marshal's id of it.
    name : str
        Its origin; of a comment the name of its file.
    """

    place: Place
    kind: Kind
    number: int
    name: str

    @property
    def what(self) -> str:
        """Kind, name and kind of place in a few words."""
        name = "with a file" if self.kind == "comment" else f"of origin {self.name}"
        return f"{self.kind} {name} on a {self.place.kind}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Writings:
    """What an account has written.

    Parameters
    ----------
    listed : callable
        From path, key and parameters to the rows of a paged list.
    author_id : int
        Of the account; a token may take away what its owner wrote, an administrator's what anybody did.
    origins : collection of str
    files : collection of str
        What the names of files begin with; comments without such a file are nobody's business.
    """

    transport: Transport
    listed: Listed
    author_id: int
    origins: Collection[str]
    files: Collection[str] = ()

    def find(self, known: Iterable[Place] = ()) -> Iterator[Written]:
        """Look through every source with an annotation of these origins, its spectra, and the places that are known.

        Costs a request for each source, and two for each known place that is none of them.
        """
        met: set[Place] = set()
        origins = ",".join(sorted(origin.lower() for origin in self.origins))
        for row in self.listed("/api/sources", "sources", {"annotationsFilterOrigin": origins}):
            place = Place(kind="source", id=str(row["id"]))
            met.add(place)
            yield from self._in(place, row)
            for spectrum in self._spectra(place.id):
                here = Place(kind="spectrum", id=str(spectrum.get("id")))
                met.add(here)
                yield from self._in(here, spectrum)
        for place in known:
            if place not in met:
                yield from self._in(place, self._rows(place))

    def take_away(self, one: Written) -> bool:
        """Delete it; False when it is gone already.

        Raises
        ------
        UpstreamError
            If the marshal does not let us.
        """
        classification = one.kind == "classification"
        path = "/api/classification" if classification else f"{place_path(one.place)}/{one.kind}s"
        try:
            self.transport.delete(f"{path}/{one.number}", _NO_LABEL if classification else None)
        except NotFound:
            return False
        return True

    def _spectra(self, target_id: str) -> list[parse.Row]:
        try:
            return parse.rows(self.transport.get(f"{source_path(target_id)}/spectra").get("spectra"))
        except NotFound:
            return []

    def _rows(self, place: Place) -> parse.Row:
        """What hangs at a place, in the form in which lists hold it."""
        parts = ("annotations", "classifications") if place.kind == "source" else ("annotations", "comments")
        try:
            path = place_path(place)
            return {part: self.transport.get(f"{path}/{part}", expect=list) for part in parts}
        except NotFound:
            return {}

    def _in(self, place: Place, row: Mapping[str, Any]) -> Iterator[Written]:
        kinds: tuple[tuple[Kind, str], ...] = (("annotation", "origin"), ("classification", "origin"))
        for kind, key in (*kinds, ("comment", "attachment_name")):
            for one in parse.rows(row.get(f"{kind}s")):
                name, number = one.get(key), one.get("id")
                if one.get("author_id") != self.author_id or not isinstance(name, str) or not isinstance(number, int):
                    continue
                if kind == "classification" and not one.get("ml"):
                    continue
                if any(map(name.startswith, self.files)) if kind == "comment" else name in self.origins:
                    yield Written(place=place, kind=kind, number=number, name=name)
