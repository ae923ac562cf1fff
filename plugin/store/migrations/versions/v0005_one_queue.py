"""One queue for spectra and objects, one table for what anybody answered about them; claims end at a time.

Going back keeps everything that version 0004 has a place for: work and reports about spectra by ASTRANet and about
objects by NEEDLE. A third producer's are lost.
"""

from datetime import timedelta

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

LEASE = timedelta(minutes=15)
"""For how long a claim held before: the default of the setting."""
_CLAIM = (("next_try", "not_before", sa.DateTime()), ("last_error", "reason", sa.Text()))
_UNIQUE = "uq_reports_marshal"


def upgrade() -> None:
    """Go forward."""
    _make_queue()
    op.execute(
        "INSERT INTO queue (marshal, subject, subject_id, version, target_id, state, attempts, not_before, reason,"
        " claimed_by, claimed_until, asked, seen, saved, created_at, touched_at)"
        " SELECT marshal, 'spectrum', spectrum_id, modified, target_id, state, attempts, next_try, last_error,"
        " claimed_by, claimed_at, 0, '', (1 = 0), created_at, created_at FROM tasks ORDER BY id"
    )
    op.execute(
        "INSERT INTO queue (marshal, subject, subject_id, version, target_id, state, attempts, not_before, reason,"
        " claimed_by, claimed_until, asked, seen, saved, created_at, touched_at)"
        " SELECT marshal, 'object', target_id, '', target_id, state, attempts, next_try, last_error,"
        " claimed_by, claimed_at, asked, version, saved, touched_at, touched_at FROM objects ORDER BY target_id"
    )
    _move("queue", "claimed_until", LEASE)
    op.drop_index("ix_tasks_due", "tasks")
    op.drop_table("tasks")
    op.drop_index("ix_objects_due", "objects")
    op.drop_table("objects")
    _join_reports()
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.drop_index("ix_outbox_due")
        for old, new, kind in (*_CLAIM, ("claimed_at", "claimed_until", sa.DateTime())):
            batch_op.alter_column(old, new_column_name=new, existing_type=kind)
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.create_index("ix_outbox_due", ["marshal", "state", "not_before"], unique=False)
    _move("outbox", "claimed_until", LEASE)


def downgrade() -> None:
    """Go back."""
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.drop_index("ix_outbox_due")
        for old, new, kind in (*_CLAIM, ("claimed_at", "claimed_until", sa.DateTime())):
            batch_op.alter_column(new, new_column_name=old, existing_type=kind)
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.create_index("ix_outbox_due", ["marshal", "state", "next_try"], unique=False)
    _move("outbox", "claimed_at", -LEASE)
    _part_reports()
    _make_tasks_and_objects()
    _move("queue", "claimed_until", -LEASE)
    op.execute(
        "INSERT INTO tasks (marshal, spectrum_id, target_id, modified, state, attempts, next_try, last_error,"
        " claimed_by, claimed_at, created_at)"
        " SELECT marshal, subject_id, target_id, version, state, attempts, not_before, reason,"
        " claimed_by, claimed_until, created_at FROM queue WHERE subject = 'spectrum' ORDER BY id"
    )
    op.execute(
        "INSERT INTO objects (marshal, target_id, version, asked, state, saved, attempts, next_try, last_error,"
        " claimed_by, claimed_at, touched_at)"
        " SELECT marshal, subject_id, seen, asked, state, saved, attempts, not_before, reason,"
        " claimed_by, claimed_until, touched_at FROM queue WHERE subject = 'object' ORDER BY id"
    )
    op.drop_index("ix_queue_due", "queue")
    op.drop_table("queue")


def _make_queue() -> None:
    op.create_table(
        "queue",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("marshal", sa.String(length=255), nullable=False),
        sa.Column("subject", sa.String(length=16), nullable=False),
        sa.Column("subject_id", sa.String(length=255), nullable=False),
        sa.Column("version", sa.String(length=64), nullable=False),
        sa.Column("target_id", sa.String(length=255), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("not_before", sa.DateTime(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("claimed_by", sa.String(length=64), nullable=True),
        sa.Column("claimed_until", sa.DateTime(), nullable=True),
        sa.Column("asked", sa.Integer(), nullable=False),
        sa.Column("seen", sa.String(length=64), nullable=False),
        sa.Column("saved", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("touched_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_queue")),
        sa.UniqueConstraint("marshal", "subject", "subject_id", "version", name=op.f("uq_queue_marshal")),
    )
    with op.batch_alter_table("queue", schema=None) as batch_op:
        batch_op.create_index("ix_queue_due", ["marshal", "subject", "state", "not_before"], unique=False)


def _join_reports() -> None:
    """The table of spectra's reports takes in those of objects."""
    with op.batch_alter_table("reports", schema=None) as batch_op:
        batch_op.drop_constraint(_UNIQUE, type_="unique")
        batch_op.alter_column(
            "spectrum_id", new_column_name="subject_id", type_=sa.String(length=255), existing_type=sa.String(length=64)
        )
        batch_op.alter_column("modified", new_column_name="version", existing_type=sa.String(length=64))
        batch_op.alter_column("bundle", new_column_name="model", existing_type=sa.String(length=255))
        batch_op.add_column(sa.Column("subject", sa.String(length=16), nullable=False, server_default="spectrum"))
        batch_op.add_column(sa.Column("producer", sa.String(length=64), nullable=False, server_default="ASTRANet"))
        batch_op.add_column(sa.Column("facts", sa.Text(), nullable=False, server_default="{}"))
    with op.batch_alter_table("reports", schema=None) as batch_op:
        batch_op.alter_column("subject", server_default=None, existing_type=sa.String(length=16))
        batch_op.alter_column("producer", server_default=None, existing_type=sa.String(length=64))
        batch_op.alter_column("facts", server_default=None, existing_type=sa.Text())
        batch_op.create_unique_constraint(_UNIQUE, ["marshal", "subject", "subject_id", "producer", "version"])
    op.execute(
        "INSERT INTO reports (marshal, subject, subject_id, producer, version, target_id, status, is_current,"
        " group_ids, body, facts, input_hash, model, filed_at)"
        " SELECT marshal, 'object', target_id, 'NEEDLE', version, target_id, status, is_current,"
        " group_ids, body, facts, input_hash, model, filed_at FROM object_reports ORDER BY id"
    )
    op.drop_table("object_reports")


def _part_reports() -> None:
    op.create_table(
        "object_reports",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("marshal", sa.String(length=255), nullable=False),
        sa.Column("target_id", sa.String(length=255), nullable=False),
        sa.Column("version", sa.String(length=64), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("is_current", sa.Boolean(), nullable=False),
        sa.Column("group_ids", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.Column("input_hash", sa.String(length=64), nullable=False),
        sa.Column("model", sa.String(length=255), nullable=False),
        sa.Column("filed_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_object_reports")),
        sa.UniqueConstraint("marshal", "target_id", "version", name=op.f("uq_object_reports_marshal")),
    )
    op.execute(
        "INSERT INTO object_reports (marshal, target_id, version, status, is_current, group_ids, body, facts,"
        " input_hash, model, filed_at)"
        " SELECT marshal, target_id, version, status, is_current, group_ids, body, facts, input_hash, model, filed_at"
        " FROM reports WHERE subject = 'object' AND producer = 'NEEDLE' ORDER BY id"
    )
    op.execute("DELETE FROM reports WHERE subject <> 'spectrum' OR producer <> 'ASTRANet'")
    with op.batch_alter_table("reports", schema=None) as batch_op:
        batch_op.drop_constraint(_UNIQUE, type_="unique")
        batch_op.alter_column(
            "subject_id", new_column_name="spectrum_id", type_=sa.String(length=64), existing_type=sa.String(length=255)
        )
        batch_op.alter_column("version", new_column_name="modified", existing_type=sa.String(length=64))
        batch_op.alter_column("model", new_column_name="bundle", existing_type=sa.String(length=255))
        for name in ("subject", "producer", "facts"):
            batch_op.drop_column(name)
    with op.batch_alter_table("reports", schema=None) as batch_op:
        batch_op.create_unique_constraint(_UNIQUE, ["marshal", "spectrum_id", "modified"])


def _make_tasks_and_objects() -> None:
    op.create_table(
        "tasks",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("marshal", sa.String(length=255), nullable=False),
        sa.Column("spectrum_id", sa.String(length=64), nullable=False),
        sa.Column("target_id", sa.String(length=255), nullable=False),
        sa.Column("modified", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_try", sa.DateTime(), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("claimed_by", sa.String(length=64), nullable=True),
        sa.Column("claimed_at", sa.DateTime(), nullable=True),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tasks")),
        sa.UniqueConstraint("marshal", "spectrum_id", "modified", name=op.f("uq_tasks_marshal")),
    )
    op.create_table(
        "objects",
        sa.Column("marshal", sa.String(length=255), nullable=False),
        sa.Column("target_id", sa.String(length=255), nullable=False),
        sa.Column("version", sa.String(length=64), nullable=False),
        sa.Column("asked", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("saved", sa.Boolean(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_try", sa.DateTime(), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("claimed_by", sa.String(length=64), nullable=True),
        sa.Column("claimed_at", sa.DateTime(), nullable=True),
        sa.Column("touched_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("marshal", "target_id", name=op.f("pk_objects")),
    )
    for table in ("tasks", "objects"):
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.create_index(f"ix_{table}_due", ["marshal", "state", "next_try"], unique=False)


def _move(table: str, column: str, by: timedelta) -> None:
    """Shift a time; there are as many rows as pieces of work that were in hand when the service died."""
    rows = sa.table(table, sa.column("id", sa.Integer()), sa.column(column, sa.DateTime()))
    connection = op.get_bind()
    for row in connection.execute(sa.select(rows).where(rows.c[column].is_not(None))).all():
        connection.execute(sa.update(rows).where(rows.c.id == row.id).values({column: row[1] + by}))
