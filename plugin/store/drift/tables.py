"""The tables of drift and calibration."""

from sqlalchemy import Boolean, Column, DateTime, Index, Integer, LargeBinary, String, Table, Text

from plugin.store.tables import metadata

drift_state = Table(
    "drift_state",
    metadata,
    Column("marshal", String(255), primary_key=True),
    Column("changed_at", DateTime, nullable=False),
    Column("body", Text, nullable=False),
    Column("summary", Text, nullable=False),
)
"""How far the tests are: all that they need to go on, and the few figures that are shown. An empty body: begin anew."""

drift_alarms = Table(
    "drift_alarms",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("marshal", String(255), nullable=False),
    Column("test", String(255), nullable=False),
    Column("raised_at", DateTime, nullable=False),
    Column("sentence", Text, nullable=False),
    Column("acknowledged_at", DateTime),
)
"""What the tests said; one row per alarm. It stands until somebody acknowledges it."""

Index("ix_drift_alarms_open", drift_alarms.c.marshal, drift_alarms.c.acknowledged_at)

calibrations = Table(
    "calibrations",
    metadata,
    Column("marshal", String(255), primary_key=True),
    Column("calibration_id", String(64), primary_key=True),
    Column("bundle", String(255), nullable=False),
    Column("made_at", DateTime, nullable=False),
    Column("passed", Boolean, nullable=False),
    Column("summary", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("adopted_at", DateTime),
    Column("retired_at", DateTime),
)
"""Calibrations that were proposed: for which bundle, what they showed, the spectra themselves as safetensors.

The one that was adopted last and is not retired answers.
"""
