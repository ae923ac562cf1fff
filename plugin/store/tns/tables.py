"""The tables of the TNS mirror. They belong to no marshal: the TNS is the same for all."""

from sqlalchemy import Column, DateTime, Float, Index, Integer, String, Table, Text

from plugin.store.tables import metadata

tns_objects = Table(
    "tns_objects",
    metadata,
    Column("server", String(255), primary_key=True),
    Column("objid", Integer, primary_key=True, autoincrement=False),
    Column("prefix", String(16), nullable=False),
    Column("name", String(64), nullable=False),
    Column("ra_deg", Float, nullable=False),
    Column("dec_deg", Float, nullable=False),
    Column("dec_band", Integer, nullable=False),
    Column("type", String(64)),
    Column("redshift", Float),
    Column("internal_names", Text, nullable=False),
    Column("discovered_at", String(64)),
    Column("modified", String(64)),
)
"""One row per object; `dec_band` is the whole arcminute of declination it lies in."""

Index("ix_tns_objects_position", tns_objects.c.server, tns_objects.c.dec_band, tns_objects.c.ra_deg)

tns_files = Table(
    "tns_files",
    metadata,
    Column("server", String(255), primary_key=True),
    Column("file", String(64), primary_key=True),
    Column("read_at", DateTime),
    Column("not_before", DateTime),
)
"""Which bulk files were read when, and until when a file that was refused is left alone."""

tns_names = Table(
    "tns_names",
    metadata,
    Column("marshal", String(255), primary_key=True),
    Column("target_id", String(255), primary_key=True),
    Column("since", DateTime, primary_key=True),
    Column("asked_at", DateTime, nullable=False),
    Column("name", String(80)),
    Column("type", String(64)),
    Column("redshift", Float),
    Column("separation_arcsec", Float),
    Column("source", String(16)),
    Column("conflict", Text),
)
"""What the TNS calls a marshal's source: a row per answer that differed from the one before, the newest one counts.

No name: it was asked and there was none. `conflict`: who says what, where people do not agree about its class.
"""

tns_reports = Table(
    "tns_reports",
    metadata,
    Column("marshal", String(255), primary_key=True),
    Column("server", String(255), primary_key=True),
    Column("target_id", String(255), primary_key=True),
    Column("state", String(16), nullable=False),
    Column("draft", Text, nullable=False),
    Column("drafted_at", DateTime, nullable=False),
    Column("reviewer", String(200)),
    Column("stored_name", String(255)),
    Column("report_id", String(32)),
    Column("sent_at", DateTime),
    Column("reasons", Text, nullable=False),
    Column("history", Text, nullable=False),
    Column("not_before", DateTime, nullable=False),
    Column("touched_at", DateTime, nullable=False),
    Column("claimed_by", String(64)),
    Column("claimed_until", DateTime),
)
"""A classification report to the TNS: one per source and server, see `plugin.store.tns.reports`.

`sent_at` is written before the report is sent: with it and without a `report_id` nobody knows whether it arrived.
"""

Index("ix_tns_reports_due", tns_reports.c.marshal, tns_reports.c.server, tns_reports.c.state, tns_reports.c.not_before)
