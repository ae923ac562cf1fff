"""What the sandbox stores of analysis services and of analyses that were asked for."""

import uuid
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from plugin.sandbox.skyportal.rows import Json


@dataclass(slots=True, kw_only=True)
class Service:
    """An analysis service. `columns` are those that are shown as they were given."""

    id: int
    name: str
    url: str
    columns: Json
    authentication_type: str
    authinfo: Json = field(repr=False)
    parameters: Json
    input_data_types: list[str]
    timeout: float
    upload_only: bool
    group_ids: set[int]
    created_at: datetime
    modified: datetime


@dataclass(slots=True, kw_only=True)
class Analysis:
    """An analysis of one source; `token` opens its web hook, once."""

    id: int
    service_id: int
    obj_id: str
    author_id: int
    group_ids: set[int]
    status: str
    parameters: Json
    shown: Json
    created_at: datetime
    modified: datetime
    last_activity: datetime
    invalid_after: datetime | None
    token: str = field(default_factory=lambda: str(uuid.uuid4()))
    status_message: str | None = None
    duration: float | None = None
    data: dict[str, Any] = field(default_factory=dict)
