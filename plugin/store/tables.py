"""The tables. Times are naive UTC, as the marshal gives them; JSON is canonical text, so that equal means equal bytes.

Every row belongs to one marshal (its address), so that one database can serve the sandbox today and Fritz tomorrow
without mixing their numbers.
"""

from sqlalchemy import (
    Boolean,
    Column,
    DateTime,
    Float,
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

queue = Table(
    "queue",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("marshal", String(255), nullable=False),
    Column("subject", String(16), nullable=False),
    Column("subject_id", String(255), nullable=False),
    Column("version", String(64), nullable=False),
    Column("target_id", String(255), nullable=False),
    Column("state", String(16), nullable=False),
    Column("attempts", Integer, nullable=False, default=0),
    Column("not_before", DateTime, nullable=False),
    Column("reason", Text),
    Column("claimed_by", String(64)),
    Column("claimed_until", DateTime),
    Column("asked", Integer, nullable=False, default=0),
    Column("seen", String(64), nullable=False, default=""),
    Column("saved", Boolean, nullable=False, default=False),
    Column("listed", Boolean, nullable=False, default=True),
    Column("created_at", DateTime, nullable=False),
    Column("touched_at", DateTime, nullable=False),
    UniqueConstraint("marshal", "subject", "subject_id", "version"),
)
"""One row per piece of work: new, claimed, done, gone or parked, with its `reason`.

A spectrum has a row per `version`, and may also be superseded or baseline (older than we look). An object has one row,
of version "", which becomes due again and again: `asked` counts how often, which tells whether more came while it was
worked on, and `seen` is the newest alert that was looked at. It may be idle. `saved` says whether it is saved to one of
our groups; others are candidates, and are let go some time after `touched_at`, when a filter last passed them or an
alert came. `listed` says whether the marshal has it at all: what only a broker's filter or topic let through, it may
not have. A claim ends at `claimed_until`; then others may take the work over.
"""

Index("ix_queue_due", queue.c.marshal, queue.c.subject, queue.c.state, queue.c.not_before)
Index("ix_queue_target", queue.c.marshal, queue.c.target_id)

reports = Table(
    "reports",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("marshal", String(255), nullable=False),
    Column("subject", String(16), nullable=False),
    Column("subject_id", String(255), nullable=False),
    Column("producer", String(64), nullable=False),
    Column("version", String(64), nullable=False),
    Column("target_id", String(255), nullable=False),
    Column("status", String(16), nullable=False),
    Column("is_current", Boolean, nullable=False),
    Column("observed_at", String(64)),
    Column("instrument", String(255)),
    Column("group_ids", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("facts", Text, nullable=False),
    Column("input_hash", String(64), nullable=False),
    Column("model", String(255), nullable=False),
    Column("filed_at", DateTime, nullable=False),
    Column("label", String(64)),
    Column("policy", String(16)),
    Column("probability", Float),
    Column("anomaly", Float),
    Column("refusal", String(32)),
    UniqueConstraint("marshal", "subject", "subject_id", "producer", "version"),
)
"""One row per version of a subject that a producer answered about; `is_current` marks the one that counts, refusals
included. The body is a `models.domain.Report` with the version of its schema; the last five repeat what lists are
sorted and filtered by, and what is counted; `refusal` is the code of the first caveat that refuses.
"""

Index("ix_reports_target", reports.c.marshal, reports.c.target_id)
Index(
    "ix_reports_counts",
    reports.c.marshal,
    reports.c.is_current,
    reports.c.producer,
    reports.c.status,
    reports.c.label,
    reports.c.policy,
    reports.c.refusal,
)
Index(
    "ix_reports_list",
    reports.c.marshal,
    reports.c.is_current,
    reports.c.filed_at,
    reports.c.status,
    reports.c.producer,
    reports.c.target_id,
    reports.c.label,
    reports.c.policy,
    reports.c.probability,
    reports.c.anomaly,
    reports.c.group_ids,
)
# Lists are answered from the index alone: a report is kilobytes, and a hundred thousand of them are not read for one.

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
    Column("not_before", DateTime, nullable=False),
    Column("reason", Text),
    Column("claimed_by", String(64)),
    Column("claimed_until", DateTime),
    Column("asked", Integer, nullable=False, default=0),
    Column("enqueued_at", DateTime),
    UniqueConstraint("marshal", "place_kind", "place_id", "kind", "origin"),
)
"""What should hang where: one row per (place, kind, origin), a newer body replaces an older one. No body: nothing.

`asked` grows when somebody who had lost the claim may have written there all the same: it must be sent once more.
`enqueued_at` is when this body was wished for.
"""

Index("ix_outbox_due", outbox.c.marshal, outbox.c.state, outbox.c.not_before)

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

workers = Table(
    "workers",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("marshal", String(255), nullable=False),
    Column("host", String(255), nullable=False),
    Column("jobs", String(255), nullable=False),
    Column("started_at", DateTime, nullable=False),
    Column("seen_at", DateTime, nullable=False),
)
"""Who works for a marshal, on which host, at which jobs, and when it was last heard of. One that ends takes its row
away; one that vanishes leaves it for some time.
"""

leases = Table(
    "leases",
    metadata,
    Column("marshal", String(255), primary_key=True),
    Column("job", String(64), primary_key=True),
    Column("held_by", String(64), nullable=False),
    Column("held_until", DateTime, nullable=False),
)
"""Jobs that one worker does at a time, and which one does it now; others may take a job over after `held_until`."""

pace = Table(
    "pace",
    metadata,
    Column("marshal", String(255), primary_key=True),
    Column("next_at", Float, nullable=False),
)
"""When the next request to a marshal may go, in seconds of the database's clock: one budget for all workers."""

calls = Table(
    "calls",
    metadata,
    Column("server", String(255), primary_key=True),
    Column("minute", Integer, primary_key=True),
    Column("calls", Integer, nullable=False),
)
"""How many calls went to a server in each minute of the last hour, of all workers together."""

status = Table(
    "status",
    metadata,
    Column("marshal", String(255), primary_key=True),
    Column("worker", String(64), primary_key=True),
    Column("told_at", DateTime, nullable=False),
    Column("body", Text, nullable=False),
)
"""What each process last said of itself: a `plugin.activity.Pulse`."""
