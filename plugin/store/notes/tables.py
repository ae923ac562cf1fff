"""The tables of notes: ours, which people review, and the AstroNotes of others."""

from sqlalchemy import Boolean, Column, DateTime, Float, Index, Integer, String, Table, Text

from plugin.store.tables import metadata

notes = Table(
    "notes",
    metadata,
    Column("marshal", String(255), primary_key=True),
    Column("kind", String(32), primary_key=True),
    Column("night", String(32), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("state", String(16), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("content", Text, nullable=False),
    Column("machine", Text, nullable=False),
    Column("machine_at", DateTime, nullable=False),
    Column("edited", Boolean, nullable=False),
    Column("parent", Integer),
    Column("approved_by", String(200)),
    Column("approved_at", DateTime),
    Column("touched_by", String(200)),
    Column("touched_at", DateTime, nullable=False),
)
"""A version of a note, see `plugin.store.notes.drafts`. `machine`: what the service wrote last, whatever people did."""

note_revisions = Table(
    "note_revisions",
    metadata,
    Column("marshal", String(255), primary_key=True),
    Column("kind", String(32), primary_key=True),
    Column("night", String(32), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("revision", Integer, primary_key=True, autoincrement=False),
    Column("content", Text, nullable=False),
    Column("by", String(200)),
    Column("at", DateTime, nullable=False),
    Column("said", Text, nullable=False),
)
"""What a version was like after each step, and whose step it was; nobody's is the service's."""

astronotes = Table(
    "astronotes",
    metadata,
    Column("server", String(255), primary_key=True),
    Column("number", String(32), primary_key=True),
    Column("title", Text, nullable=False),
    Column("authors", Text, nullable=False),
    Column("source_group", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("posted_at", String(64)),
    Column("read_at", DateTime, nullable=False),
)
"""An AstroNote on the TNS, whoever wrote it. It belongs to no marshal."""

astronote_objects = Table(
    "astronote_objects",
    metadata,
    Column("server", String(255), primary_key=True),
    Column("number", String(32), primary_key=True),
    Column("part", Integer, primary_key=True, autoincrement=False),
    Column("name", String(80)),
    Column("alt_name", String(255)),
    Column("ra_deg", Float),
    Column("dec_deg", Float),
    Column("dec_band", Integer),
)
"""A related object of such a note; `name` is the TNS's bare one, `dec_band` the whole arcminute of declination."""

Index("ix_astronote_objects_name", astronote_objects.c.server, astronote_objects.c.name)
Index("ix_astronote_objects_alt_name", astronote_objects.c.server, astronote_objects.c.alt_name)
Index(
    "ix_astronote_objects_position",
    astronote_objects.c.server,
    astronote_objects.c.dec_band,
    astronote_objects.c.ra_deg,
)
