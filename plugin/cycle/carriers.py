"""Who takes what to where: one carrier per kind of post, so that a new place to answer is one new class."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from iris_client.brokers.streams import Annotator
from iris_client.errors import NotFound
from iris_client.protocols import Marshal, Tagging, Upserted
from plugin.cycle.spectra.tags import TAG, VOCABULARY
from plugin.store import Parcel

NOTE_COMMENT: Final = "note-comment"
"""The kind of a comment that tells of a draft note, see `plugin.cycle.messages.waiting`."""
LASAIR: Final = "lasair"
"""The kind of posts that go to Lasair."""
WITHDRAWN: Final = "withdrawn"


class Carrier(Protocol):
    """Makes one place hold exactly what a parcel says; an upsert, so that twice is once."""

    @property
    def upstream(self) -> str:
        """Which server it speaks to. While one is away, only what goes to it waits."""

    def send(self, parcel: Parcel) -> Upserted | None:
        """Deliver a parcel with a body; what the other side holds now, None where it does not tell.

        Raises
        ------
        UpstreamError
            If it was not taken: `Unavailable` or `BadPayload` to be tried again, others for good.
        """

    def remove(self, parcel: Parcel) -> None:
        """Take back what hangs there; what is gone already is no error."""


@dataclass(frozen=True, slots=True)
class AnnotationCarrier:
    """Annotations on spectra and sources."""

    marshal: Marshal
    upstream: str = "marshal"

    def send(self, parcel: Parcel) -> Upserted:
        """Make the one annotation of its origin hold the body."""
        return self.marshal.upsert_annotation(
            parcel.place,
            origin=parcel.origin,
            data=parcel.body or {},
            group_ids=parcel.group_ids,
            known_id=parcel.remote_id,
            differs=parcel.differs,
        )

    def remove(self, parcel: Parcel) -> None:
        """Delete it, unless its place is gone."""
        try:
            self.marshal.delete_annotation(parcel.place, origin=parcel.origin)
        except NotFound:
            return


@dataclass(frozen=True, slots=True)
class ClassificationCarrier:
    """Machine classifications on sources."""

    marshal: Marshal
    upstream: str = "marshal"

    def send(self, parcel: Parcel) -> Upserted:
        """Make the one machine classification of its origin say the class."""
        body = parcel.body or {}
        number = self.marshal.classify(
            parcel.place.id,
            label=str(body["label"]),
            probability=float(body["probability"]),
            origin=parcel.origin,
            group_ids=parcel.group_ids,
            known_id=parcel.remote_id,
        )
        return Upserted(number)

    def remove(self, parcel: Parcel) -> None:
        """Delete ours, unless its source is gone."""
        try:
            self.marshal.declassify(parcel.place.id, origin=parcel.origin)
        except NotFound:
            return


@dataclass(frozen=True, slots=True)
class CommentCarrier:
    """Comments with a file, such as an alert's card."""

    marshal: Marshal
    upstream: str = "marshal"

    def send(self, parcel: Parcel) -> Upserted:
        """Leave the comment in the place of an earlier one; the same one twice is one."""
        body = parcel.body or {}
        picture = (str(body["name"]), base64.b64decode(str(body["png"])))
        number = self.marshal.post_comment(
            parcel.place,
            text=str(body["text"]),
            group_ids=parcel.group_ids,
            attachment=picture,
            known_id=parcel.remote_id,
        )
        return Upserted(number)

    def remove(self, parcel: Parcel) -> None:
        """Leave it: a comment is what was said then, and others may have answered it."""


@dataclass(frozen=True, slots=True)
class TagCarrier:
    """Tags on sources."""

    marshal: Tagging
    upstream: str = "marshal"

    def send(self, parcel: Parcel) -> None:
        """Make our tags on the source exactly those of the body."""
        names = [str(name) for name in (parcel.body or {}).get("names", ())]
        self.marshal.set_tags(parcel.place.id, names=names, vocabulary=VOCABULARY, group_ids=parcel.group_ids)

    def remove(self, parcel: Parcel) -> None:
        """Take ours away; a source that is gone has none."""
        try:
            self.marshal.set_tags(parcel.place.id, names=(), vocabulary=VOCABULARY, group_ids=())
        except NotFound:
            return


@dataclass(frozen=True, slots=True)
class LasairCarrier:
    """Annotations at Lasair, which keeps one for each object and has no way to take it away."""

    annotator: Annotator
    upstream: str = LASAIR

    def send(self, parcel: Parcel) -> Upserted:
        """Put the annotation in the place of an earlier one."""
        return self.annotator.annotate(parcel.place.id, parcel.body or {})

    def remove(self, parcel: Parcel) -> None:
        """Say that the earlier answer does not hold any more."""
        gone = {"classification": WITHDRAWN, "explanation": "An earlier answer does not hold any more."}
        self.annotator.annotate(parcel.place.id, gone)


def marshal_carriers(marshal: Marshal) -> Mapping[str, Carrier]:
    """The carriers of everything that goes to the marshal, by kind of post."""
    carriers: dict[str, Carrier] = {
        "annotation": AnnotationCarrier(marshal),
        "classification": ClassificationCarrier(marshal),
        "comment": CommentCarrier(marshal),
        NOTE_COMMENT: CommentCarrier(marshal),
    }
    return carriers | ({TAG: TagCarrier(marshal)} if isinstance(marshal, Tagging) else {})
