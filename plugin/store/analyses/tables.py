"""The table of analyses that somebody asked for."""

from sqlalchemy import Column, DateTime, Index, String, Table, Text

from plugin.store.tables import metadata

analyses = Table(
    "analyses",
    metadata,
    Column("marshal", String(255), primary_key=True),
    Column("id", String(32), primary_key=True),
    Column("service", String(16), nullable=False),
    Column("target_id", String(255), nullable=False),
    Column("hook", Text),
    Column("inputs", Text),
    Column("plots", Text),
    Column("received_at", DateTime, nullable=False),
    Column("invalid_after", DateTime),
    Column("ended", Text),
)
"""One row per request. `id` is the digest of the web hook, under which work and answer stand in queue and outbox.

`hook` is a secret: nothing that shows anything reads it. It is empty, like `inputs` and `plots`, once the request has
`ended`: answered, or the reason why it never will be.
"""

Index("ix_analyses_ended", analyses.c.marshal, analyses.c.ended)
