"""A marshal whose spectra are read in one way and everything else in another: GraphQL in, REST out."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from iris_client.marshal.graphql import GraphQLSpectra
from iris_client.marshal.services import AnalysisServices
from iris_client.marshal.skyportal import SkyPortal
from iris_client.protocols import Account, Annotation, Place, SaveStub, SourceStub, SpectrumStub, Upserted
from models.domain import Host, LightCurve, RawSpectrum, Target


class CombinedMarshal:
    """A `protocols.Marshal`: spectra and sources from `spectra`; photometry, account and every write through `rest`."""

    def __init__(self, spectra: GraphQLSpectra, rest: SkyPortal) -> None:
        self._spectra, self._rest = spectra, rest

    def __repr__(self) -> str:
        return f"CombinedMarshal({self._spectra!r}, {self._rest!r})"

    def close(self) -> None:
        """Close every connection of both."""
        self._spectra.close()
        self._rest.close()

    @property
    def services(self) -> AnalysisServices:
        """The analysis services of the marshal."""
        return self._rest.services

    def spectra_modified_since(self, cursor: str | None, *, group_ids: Sequence[int]) -> Sequence[SpectrumStub]:
        """Stubs with `modified >= cursor`, oldest first."""
        return self._spectra.spectra_modified_since(cursor, group_ids=group_ids)

    def spectra_shared_with(self, *, group_ids: Sequence[int]) -> Iterator[SpectrumStub]:
        """Every spectrum that one of these groups sees, once for each."""
        return self._spectra.spectra_shared_with(group_ids=group_ids)

    def sources_modified_since(self, cursor: str, *, group_ids: Sequence[int]) -> Iterator[SourceStub]:
        """Sources of these groups that have spectra, and whose own row changed after `cursor`."""
        return self._rest.sources_modified_since(cursor, group_ids=group_ids)

    def spectrum(self, spectrum_id: str) -> RawSpectrum:
        """The arrays of one spectrum."""
        return self._spectra.spectrum(spectrum_id)

    def spectra_of(self, target_id: str) -> Sequence[RawSpectrum]:
        """A source's spectra with their arrays, over REST: an analysis that is asked for knows no ids."""
        return self._rest.spectra_of(target_id)

    def target(self, target_id: str) -> Target:
        """The source it belongs to."""
        return self._spectra.target(target_id)

    def light_curve(self, target_id: str) -> LightCurve | None:
        """Photometry of one source, sorted."""
        return self._rest.light_curve(target_id)

    def host(self, target_id: str) -> Host | None:
        """The galaxy that the marshal has as a source's host."""
        return self._rest.host(target_id)

    def saves(self, *, group_ids: Sequence[int], since: str | None = None) -> Iterator[SaveStub]:
        """The saves of sources to one of these groups."""
        return self._rest.saves(group_ids=group_ids, since=since)

    def candidates(self, *, group_ids: Sequence[int], detected_after: str | None = None) -> Iterator[Target]:
        """Objects whose alerts passed a filter of these groups."""
        return self._rest.candidates(group_ids=group_ids, detected_after=detected_after)

    def server_time(self) -> datetime | None:
        """Return the marshal's own time."""
        return self._rest.server_time()

    def account(self) -> Account:
        """Who we are there."""
        return self._rest.account()

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
        """Make the one annotation of `origin` at `place` hold exactly `data`, for `group_ids`."""
        return self._rest.upsert_annotation(
            place, origin=origin, data=data, group_ids=group_ids, known_id=known_id, differs=differs
        )

    def delete_annotation(self, place: Place, *, origin: str) -> bool:
        """Take our annotation of `origin` away."""
        return self._rest.delete_annotation(place, origin=origin)

    def annotations(self, place: Place) -> Sequence[Annotation]:
        """The annotations at `place`."""
        return self._rest.annotations(place)

    def post_comment(
        self,
        place: Place,
        *,
        text: str,
        group_ids: Sequence[int],
        attachment: tuple[str, bytes] | None = None,
        known_id: str | None = None,
    ) -> str:
        """Leave a comment; returns its id."""
        return self._rest.post_comment(place, text=text, group_ids=group_ids, attachment=attachment, known_id=known_id)

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
        """One machine classification per (source, origin)."""
        return self._rest.classify(
            target_id, label=label, probability=probability, origin=origin, group_ids=group_ids, known_id=known_id
        )

    def declassify(self, target_id: str, *, origin: str) -> bool:
        """Take our machine classifications of `origin` away."""
        return self._rest.declassify(target_id, origin=origin)

    def class_names(self) -> frozenset[str]:
        """The class names of the taxonomy that classifications are made in."""
        return self._rest.class_names()

    def tag_options(self) -> Mapping[str, int]:
        """The names of tags that may be given, with their numbers."""
        return self._rest.tag_options()

    def set_tags(
        self, target_id: str, *, names: Collection[str], vocabulary: Collection[str], group_ids: Sequence[int]
    ) -> None:
        """Make our tags on a source exactly these."""
        self._rest.set_tags(target_id, names=names, vocabulary=vocabulary, group_ids=group_ids)
