"""The table of shapes and embeddings."""

from sqlalchemy import Column, Index, LargeBinary, String, Table, Text

from plugin.store.tables import metadata

vectors = Table(
    "vectors",
    metadata,
    Column("marshal", String(255), primary_key=True),
    Column("subject_id", String(255), primary_key=True),
    Column("target_id", String(255), nullable=False),
    Column("label", String(64), nullable=False),
    Column("observed_at", String(64)),
    Column("instrument", String(255)),
    Column("group_ids", Text, nullable=False),
    Column("model", String(255), nullable=False),
    Column("shape", LargeBinary, nullable=False),
    Column("embedding", LargeBinary),
)
"""One row per spectrum whose answer counts, with a class: `shape` is 200 bytes over 3850-9000 A (255 missing),
`embedding` the 192 half-precision numbers of `model`'s networks."""

Index("ix_vectors_target", vectors.c.marshal, vectors.c.target_id)
