"""What the sandbox stores: one plain record per row of the real server's tables."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

Json = dict[str, Any]


@dataclass(slots=True, kw_only=True)
class Group:
    """A group of users; everything is visible through groups."""

    id: int
    name: str
    created_at: datetime
    modified: datetime
    nickname: str | None = None
    description: str | None = None
    single_user_group: bool = False


@dataclass(slots=True, kw_only=True)
class User:
    """An account with its one token. `own_group` is the single-user group every account has."""

    id: int
    username: str
    token: str = field(repr=False)
    acls: frozenset[str]
    group_ids: frozenset[int]
    own_group: int
    created_at: datetime
    modified: datetime
    is_bot: bool = False
    stream_ids: frozenset[int] = frozenset({1})
    """Whose alerts it may see; without any, every list of the broker's is empty."""

    @property
    def is_admin(self) -> bool:
        """Whether nothing is hidden from this account and nothing forbidden to it."""
        return "System admin" in self.acls

    def may(self, acl: str) -> bool:
        """Whether the token carries this right."""
        return self.is_admin or acl in self.acls

    def sees(self, group_ids: set[int]) -> bool:
        """Whether something shared with these groups is visible to this account."""
        return self.is_admin or bool(self.group_ids & group_ids)


@dataclass(slots=True, kw_only=True)
class Source:
    """An object in the sky; `saves` says when and by whom it was saved to each group."""

    id: str
    ra: float
    dec: float
    created_at: datetime
    modified: datetime
    internal_key: str
    redshift: float | None = None
    redshift_error: float | None = None
    redshift_origin: str | None = None
    redshift_history: list[Json] | None = None
    tns_name: str | None = None
    altdata: Json | None = None
    origin: str | None = None
    host: Json | None = None
    """Its galaxy: id, name, ra, dec, redshift..."""
    saves: dict[int, "Save"] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class Save:
    """One save of a source to a group."""

    id: int
    group_id: int
    saved_at: datetime
    saved_by: int


@dataclass(slots=True, kw_only=True)
class Candidate:
    """That an alert of an object passed a filter of some groups."""

    obj_id: str
    group_ids: set[int]
    passed_at: datetime


@dataclass(slots=True, kw_only=True)
class Spectrum:
    """A spectrum as uploaded. Lists may differ in length, as on the real server."""

    id: int
    obj_id: str
    observed_at: datetime
    wavelengths: list[Any]
    fluxes: list[Any]
    errors: list[Any] | None
    units: str | None
    origin: str | None
    type: str
    label: str | None
    instrument_id: int
    altdata: Json | None
    owner_id: int
    group_ids: set[int]
    created_at: datetime
    modified: datetime
    original_file_string: str | None = None
    original_file_filename: str | None = None


@dataclass(slots=True, kw_only=True)
class Annotation:
    """An annotation on a source (`spectrum_id` None) or on a spectrum."""

    id: int
    obj_id: str
    spectrum_id: int | None
    origin: str
    data: Json
    author_id: int
    group_ids: set[int]
    created_at: datetime
    modified: datetime


@dataclass(slots=True, kw_only=True)
class Comment:
    """A comment on a source (`spectrum_id` None) or on a spectrum."""

    id: int
    obj_id: str
    spectrum_id: int | None
    text: str
    author_id: int
    group_ids: set[int]
    created_at: datetime
    modified: datetime
    channel: str | None = None
    attachment_name: str | None = None
    attachment: bytes | None = None


@dataclass(slots=True, kw_only=True)
class Classification:
    """A class given to a source, by a person or (`ml`) a machine."""

    id: int
    obj_id: str
    classification: str
    taxonomy_id: int
    author_id: int
    group_ids: set[int]
    created_at: datetime
    modified: datetime
    probability: float | None = None
    origin: str | None = None
    ml: bool = False
    votes: list[Json] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class Photometry:
    """One photometric point; flux in microjansky (AB zero point 23.9), None for a non-detection."""

    id: int
    obj_id: str
    filter: str
    mjd: float
    flux: float | None
    fluxerr: float
    limiting_mag: float | None
    instrument_id: int
    origin: str
    owner_id: int
    group_ids: set[int]
    created_at: datetime


@dataclass(slots=True, kw_only=True)
class Tag:
    """A tag option attached to a source."""

    id: int
    obj_id: str
    option_id: int
    author_id: int
    group_ids: set[int]
    created_at: datetime
    modified: datetime
