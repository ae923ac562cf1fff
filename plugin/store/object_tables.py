"""The tables of watched objects: whose alerts are followed, and what NEEDLE said about them."""

from sqlalchemy import Boolean, Column, DateTime, Index, Integer, String, Table, Text, UniqueConstraint

from plugin.store.tables import metadata

objects = Table(
    "objects",
    metadata,
    Column("marshal", String(255), primary_key=True),
    Column("target_id", String(255), primary_key=True),
    Column("version", String(64), nullable=False),
    Column("asked", Integer, nullable=False),
    Column("state", String(16), nullable=False),
    Column("saved", Boolean, nullable=False),
    Column("attempts", Integer, nullable=False, default=0),
    Column("next_try", DateTime, nullable=False),
    Column("last_error", Text),
    Column("claimed_by", String(64)),
    Column("claimed_at", DateTime),
    Column("touched_at", DateTime, nullable=False),
)
"""One row per object: its newest alert (`version`), and idle, new, claimed, done, gone or parked.

`asked` counts how often it became due, which tells whether more came while it was worked on. `saved` says whether it is
saved to one of our groups; others are candidates, and are let go some time after `touched_at`, when a filter last
passed them or an alert came.
"""

Index("ix_objects_due", objects.c.marshal, objects.c.state, objects.c.next_try)

object_reports = Table(
    "object_reports",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("marshal", String(255), nullable=False),
    Column("target_id", String(255), nullable=False),
    Column("version", String(64), nullable=False),
    Column("status", String(16), nullable=False),
    Column("is_current", Boolean, nullable=False),
    Column("group_ids", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("facts", Text, nullable=False),
    Column("input_hash", String(64), nullable=False),
    Column("model", String(255), nullable=False),
    Column("filed_at", DateTime, nullable=False),
    UniqueConstraint("marshal", "target_id", "version"),
)
"""One row per answered version of an object; `is_current` marks the one that counts, refusals included."""
