"""What the service needs from outside, in the domain's words. Each upstream is one file that fulfils some of these."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol, runtime_checkable

from models.domain import Caveat, Cutouts, Host, LightCurve, Neighbour, RawSpectrum, Target

PlaceKind = Literal["spectrum", "source", "night", "note", "analysis"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SpectrumStub:
    """A spectrum's existence, without its arrays."""

    spectrum_id: str
    target_id: str
    modified: str
    """The server's own time stamp, naive UTC ISO text with microseconds: the polling cursor."""
    kind: str = "source"
    group_ids: tuple[int, ...] = ()
    """Of the groups that were asked about, those that see it; empty where the list does not say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceStub:
    """What a list of sources says of one."""

    target_id: str
    modified: str
    """The server's own time stamp of the source's row, naive UTC ISO text with microseconds."""
    redshift: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertStub:
    """An alert's existence, without its stamps and history."""

    candid: str
    target_id: str
    mjd: float
    band: str
    mag: float | None = None
    """Of the difference image, as the survey gives it."""
    positive: bool = True
    """Whether the object was brighter than in the template."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One alert: what was seen of an object in one exposure, and what had been seen before.

    Parameters
    ----------
    target : Target
        Its name and position; a broker knows no more.
    cutouts : Cutouts
        A stamp that could not be read is None there, with the reason in `caveats`.
    light_curve : LightCurve or None
        This and earlier epochs, from a broker all of the object's; None when not one holds a magnitude or a limit.
    host, neighbours : Host or None, tuple of Neighbour
        The nearest Pan-STARRS source, often a star (`star_score` is 0 for a galaxy, 1 for a star), and three at most.
    positive : bool
        Whether the object is brighter than the template. A negative subtraction shows what has faded.
    """

    target: Target
    cutouts: Cutouts
    light_curve: LightCurve | None
    host: Host | None
    star_score: float | None
    positive: bool
    neighbours: tuple[Neighbour, ...] = ()
    caveats: tuple[Caveat, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where an answer belongs: a spectrum, a source, an analysis asked for; a message to a night or a note too."""

    kind: PlaceKind
    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotation:
    """An annotation that is already there."""

    annotation_id: str
    origin: str
    data: Mapping[str, Any]
    mine: bool
    group_ids: tuple[int, ...] | None = None
    """Who sees it, sorted; None where the marshal does not say."""


@dataclass(frozen=True, slots=True)
class Upserted:
    """What became of an upsert.

    Parameters
    ----------
    id : str
        The marshal's id of what is there now.
    changed : bool
        False when the very same was there already.
    """

    id: str
    changed: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Who the token belongs to and what it may do."""

    user_id: int
    username: str
    acls: frozenset[str]
    group_ids: frozenset[int]
    group_names: Mapping[int, str] = field(default_factory=dict)
    """Of these and other groups, as far as the marshal tells them."""


@runtime_checkable
class SpectrumSource(Protocol):
    """Where spectra come from."""

    def spectra_modified_since(self, cursor: str | None, *, group_ids: Sequence[int]) -> Sequence[SpectrumStub]:
        """Stubs with `modified >= cursor`, oldest first."""

    def spectra_shared_with(self, *, group_ids: Sequence[int]) -> Iterator[SpectrumStub]:
        """Every spectrum that one of these groups sees: the slow sweep, for what was shared late.

        A spectrum comes once for each group that sees it, and its `group_ids` name that group.
        """

    def spectrum(self, spectrum_id: str) -> RawSpectrum:
        """The arrays of one spectrum; raises `NotFound` when it is gone or not shared with the token."""

    def target(self, target_id: str) -> Target:
        """The source it belongs to."""


@runtime_checkable
class SourceList(Protocol):
    """Who tells which sources have changed."""

    def sources_modified_since(self, cursor: str, *, group_ids: Sequence[int]) -> Iterator[SourceStub]:
        """Sources of these groups that have spectra, and whose own row (such as its redshift) changed after `cursor`.

        New spectra, annotations and comments do not change the row of a source.
        """


@runtime_checkable
class SpectraOfSources(Protocol):
    """Who can list a source's spectra with their arrays."""

    def spectra_of(self, target_id: str) -> Sequence[RawSpectrum]:
        """Those the token may read; raises `NotFound` when there is no such source."""


@runtime_checkable
class PhotometrySource(Protocol):
    """Where light curves come from."""

    def light_curve(self, target_id: str) -> LightCurve | None:
        """Photometry of one source, sorted; None when there is none."""


@runtime_checkable
class CutoutSource(Protocol):
    """Where alerts come from, with their cutouts."""

    def alerts(self, target_id: str) -> Sequence[AlertStub]:
        """The alerts of an object, each once, oldest first; empty when there are none."""

    def alert(self, target_id: str, candid: str) -> Alert:
        """One alert with stamps and history; raises `NotFound` when there is no such alert of this object."""


@runtime_checkable
class AlertSource(CutoutSource, PhotometrySource, Protocol):
    """Alerts, their cutouts, and the photometry in them."""

    def probe(self) -> str:
        """Ask for nothing but whether it works; says in a few words what is there. Raises `UpstreamError` if not."""


@runtime_checkable
class AlertFeed(Protocol):
    """A source of alerts that says which of many objects have new ones, without being asked about each."""

    def news(self, target_ids: Collection[str], *, since_mjd: float) -> Sequence[AlertStub]:
        """Alerts of these objects observed since then, or arrived since the last call; some may be known already."""

    def seen(self) -> None:
        """Say that what `news` told is remembered now. Without it the same may be told again after a restart."""


@runtime_checkable
class CrossMatches(Protocol):
    """A broker that has matched its objects with the TNS's catalogue."""

    def tns_matches(self, target_id: str) -> Sequence[Mapping[str, Any]]:
        """Rows of the catalogue near an object, as the broker has them; empty when there are none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SaveStub:
    """That a source was saved to a group, by the server's own time stamp (naive UTC ISO text with microseconds)."""

    target_id: str
    saved_at: str


@runtime_checkable
class HostSource(Protocol):
    """Who has been told what a source's host is."""

    def host(self, target_id: str) -> Host | None:
        """The host that people or catalogues gave a source; None when there is none."""


@runtime_checkable
class WatchList(Protocol):
    """Which objects a marshal's groups care for."""

    def saves(self, *, group_ids: Sequence[int], since: str | None = None) -> Iterator[SaveStub]:
        """The sources saved to one of these groups, since a time if given."""

    def candidates(self, *, group_ids: Sequence[int], detected_after: str | None = None) -> Iterator[Target]:
        """Objects whose alerts passed a filter of these groups, each once."""


@runtime_checkable
class Tagging(Protocol):
    """A marshal whose sources can be tagged, with names from a list that its administrators keep."""

    def tag_options(self) -> Mapping[str, int]:
        """The names that may be given, with their numbers."""

    def set_tags(
        self, target_id: str, *, names: Collection[str], vocabulary: Collection[str], group_ids: Sequence[int]
    ) -> None:
        """Make our tags on a source exactly these; only tags of ours whose name is in the vocabulary are removed."""


@runtime_checkable
class Marshal(SpectrumSource, SourceList, PhotometrySource, Protocol):
    """A marshal: spectra and photometry come from it and answers go back to it."""

    def account(self) -> Account:
        """Who we are there."""

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

        Parameters
        ----------
        known_id : str, optional
            Id of our annotation there, from our own records.
        differs : bool
            Whether our records say that it holds something else: it is then replaced without a look at it.
        """

    def delete_annotation(self, place: Place, *, origin: str) -> bool:
        """Take our annotation of `origin` away; False when there was none."""

    def annotations(self, place: Place) -> Sequence[Annotation]:
        """The annotations at `place` that the token can read."""

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
        """

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
        """One machine classification per (source, origin): updates ours, or adds it; never votes and never labels."""

    def declassify(self, target_id: str, *, origin: str) -> bool:
        """Take our machine classifications of `origin` away, and nobody else's; False when there was none."""

    def class_names(self) -> frozenset[str]:
        """The class names of the taxonomy that classifications are made in; raises `Refused` when it is not there."""

    def server_time(self) -> datetime | None:
        """Return the marshal's own time, UTC; None when it does not tell."""

    def close(self) -> None:
        """Let go of every connection."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TransientName:
    """What the TNS calls an object and says of it, and who told us.

    Parameters
    ----------
    name : str
        With its prefix, such as `SN 2026abc`.
    type : str or None
        None while nobody has classified it, as far as `source` knows.
    source : str
        `marshal`, `broker`, `mirror` or `api`.
    """

    name: str
    type: str | None = None
    redshift: float | None = None
    separation_arcsec: float | None = None
    source: str


@runtime_checkable
class TransientNames(Protocol):
    """Who knows what the TNS calls an object."""

    def match(self, target: Target) -> TransientName | None:
        """The TNS's name of an object; None when there is none, or it is not known here."""
