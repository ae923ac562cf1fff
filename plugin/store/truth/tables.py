"""The tables of truth: classes that people gave, when each object was last asked about, and vetters' verdicts."""

from sqlalchemy import Boolean, Column, DateTime, Float, Index, Integer, String, Table

from plugin.store.tables import metadata

truths = Table(
    "truths",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("marshal", String(255), nullable=False),
    Column("target_id", String(255), nullable=False),
    Column("source", String(16), nullable=False),
    Column("row_key", String(255), nullable=False),
    Column("told_by", String(255)),
    Column("name", String(255), nullable=False),
    Column("label", String(64)),
    Column("rare", String(64)),
    Column("subtype", String(64)),
    Column("probability", Float),
    Column("told_at", DateTime, nullable=False),
    Column("seen_at", DateTime, nullable=False),
    Column("withdrawn_at", DateTime),
    Column("after_ours", Boolean, nullable=False),
    Column("derived", Boolean, nullable=False),
)
"""One row per class that somebody gave an object; one that is changed is withdrawn, and the new one is another row.

`source` is `tns`, `marshal` or `file`, `row_key` what tells labels of one source apart: the marshal's number of the
classification, who is named in a file. `name` is the class as it was told; `label`, `rare` and `subtype` are what it
meant to us when it was seen. `told_at` is when the label was given: where nobody knows, when it was seen first, which
is the latest that it can have been. `after_ours`: given when an answer of ours was visible on the marshal already.
`derived`: it comes from a report that we sent, and is no truth.
"""

Index("ix_truths_target", truths.c.marshal, truths.c.target_id)

truth_asked = Table(
    "truth_asked",
    metadata,
    Column("marshal", String(255), primary_key=True),
    Column("target_id", String(255), primary_key=True),
    Column("asked_at", DateTime, nullable=False),
)
"""When the marshal was last asked what people say of an object."""

shown = Table(
    "shown",
    metadata,
    Column("marshal", String(255), primary_key=True),
    Column("place_kind", String(16), primary_key=True),
    Column("place_id", String(255), primary_key=True),
    Column("first_at", DateTime, nullable=False),
)
"""Since when people could read an answer of ours at a place, be it taken away or another one since."""

verdicts = Table(
    "verdicts",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("marshal", String(255), nullable=False),
    Column("spectrum_id", String(255), nullable=False),
    Column("target_id", String(255), nullable=False),
    Column("who", String(255), nullable=False),
    Column("verdict", String(16), nullable=False),
    Column("told_at", DateTime, nullable=False),
    Column("bundle", String(255), nullable=False),
)
"""What a vetter said of an alert, `interesting`, `not` or `artefact`: a row per change of mind, the last one counts.

`bundle` is the model whose alert it was.
"""

Index("ix_verdicts_spectrum", verdicts.c.marshal, verdicts.c.spectrum_id)
