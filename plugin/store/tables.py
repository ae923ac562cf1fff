"""The tables. Times are naive UTC, as the marshal gives them; JSON is canonical text, so that equal means equal bytes.

Every row belongs to one marshal (its address), so that one database can serve the sandbox today and Fritz tomorrow
without mixing their numbers.
"""

from sqlalchemy import (
    Boolean,
    Column,
    DateTime,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

watermark = Table(
    "watermark",
    metadata,
    Column("marshal", String(255), primary_key=True),
    Column("source", String(255), primary_key=True),
    Column("cursor", String(64), nullable=False),
)
"""How far each source has been read, in the server's own time."""

tasks = Table(
    "tasks",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("marshal", String(255), nullable=False),
    Column("spectrum_id", String(64), nullable=False),
    Column("target_id", String(255), nullable=False),
    Column("modified", String(64), nullable=False),
    Column("state", String(16), nullable=False),
    Column("attempts", Integer, nullable=False, default=0),
    Column("next_try", DateTime, nullable=False),
    Column("last_error", Text),
    Column("claimed_by", String(64)),
    Column("claimed_at", DateTime),
    Column("created_at", DateTime, nullable=False),
    UniqueConstraint("marshal", "spectrum_id", "modified"),
)
"""One row per version of a spectrum: new, claimed, done, gone, parked, superseded, or baseline (older than we look)."""

Index("ix_tasks_due", tasks.c.marshal, tasks.c.state, tasks.c.next_try)

reports = Table(
    "reports",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("marshal", String(255), nullable=False),
    Column("spectrum_id", String(64), nullable=False),
    Column("target_id", String(255), nullable=False),
    Column("modified", String(64), nullable=False),
    Column("status", String(16), nullable=False),
    Column("is_current", Boolean, nullable=False),
    Column("observed_at", String(64)),
    Column("instrument", String(255)),
    Column("group_ids", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("input_hash", String(64), nullable=False),
    Column("bundle", String(255), nullable=False),
    Column("filed_at", DateTime, nullable=False),
    UniqueConstraint("marshal", "spectrum_id", "modified"),
)
"""One row per analysed version; `is_current` marks the one that counts, refusals included."""

Index("ix_reports_target", reports.c.marshal, reports.c.target_id)

outbox = Table(
    "outbox",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("marshal", String(255), nullable=False),
    Column("place_kind", String(16), nullable=False),
    Column("place_id", String(255), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("origin", String(64), nullable=False),
    Column("body", Text),
    Column("group_ids", Text, nullable=False),
    Column("body_sha", String(64), nullable=False),
    Column("state", String(16), nullable=False),
    Column("attempts", Integer, nullable=False, default=0),
    Column("next_try", DateTime, nullable=False),
    Column("last_error", Text),
    Column("claimed_by", String(64)),
    Column("claimed_at", DateTime),
    UniqueConstraint("marshal", "place_kind", "place_id", "kind", "origin"),
)
"""What should hang where: one row per (place, kind, origin), a newer body replaces an older one. No body: nothing."""

Index("ix_outbox_due", outbox.c.marshal, outbox.c.state, outbox.c.next_try)

delivered = Table(
    "delivered",
    metadata,
    Column("marshal", String(255), primary_key=True),
    Column("place_kind", String(16), primary_key=True),
    Column("place_id", String(255), primary_key=True),
    Column("kind", String(16), primary_key=True),
    Column("origin", String(64), primary_key=True),
    Column("body_sha", String(64)),
    Column("remote_id", String(64)),
    Column("delivered_at", DateTime),
)
"""What does hang there, as far as we know: no `body_sha` means that a delivery began and its end was never seen."""
