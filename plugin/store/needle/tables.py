"""The tables of NEEDLE's record."""

from sqlalchemy import Boolean, Column, DateTime, Float, Index, String, Table

from plugin.store.tables import metadata

needle_objects = Table(
    "needle_objects",
    metadata,
    Column("marshal", String(255), primary_key=True),
    Column("target_id", String(255), primary_key=True),
    Column("listed", Boolean, nullable=False),
    Column("ra_deg", Float),
    Column("dec_deg", Float),
    Column("discovery_mjd", Float),
    Column("answered_at", DateTime, nullable=False),
)
"""Every object that NEEDLE gave a class, the first time at `answered_at`. `listed`: whether the marshal has it; its
position is kept because nobody can be asked for that of an object which nobody has saved."""

Index("ix_needle_objects_listed", needle_objects.c.marshal, needle_objects.c.listed)

needle_crossings = Table(
    "needle_crossings",
    metadata,
    Column("marshal", String(255), primary_key=True),
    Column("target_id", String(255), primary_key=True),
    Column("label", String(16), primary_key=True),
    Column("crossed_at", DateTime, nullable=False),
    Column("alert_mjd", Float),
    Column("probability", Float, nullable=False),
    Column("threshold", Float, nullable=False),
    Column("model", String(255), nullable=False),
)
"""The first time that an object's score of a class reached the threshold. Later answers change nothing here."""
