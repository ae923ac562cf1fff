"""What processes say of themselves; why spectra were refused, in a column of its own; since when posts wait."""

import json

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_REFUSALS = frozenset(
    {
        "empty",
        "too_few_points",
        "not_numbers",
        "unequal_lengths",
        "infinite_values",
        "too_many_gaps",
        "unsorted",
        "duplicated_wavelengths",
        "unreadable",
        "wrong_unit",
        "low_coverage",
        "flat",
        "mostly_negative",
        "out_of_range",
        "low_snr",
        "host_spectrum",
        "rest_frame",
    }
)
"""Codes of caveats that refuse, as this version knows them."""


def upgrade() -> None:
    """Go forward."""
    op.create_table(
        "status",
        sa.Column("marshal", sa.String(length=255), nullable=False),
        sa.Column("worker", sa.String(length=64), nullable=False),
        sa.Column("told_at", sa.DateTime(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("marshal", "worker", name=op.f("pk_status")),
    )
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.add_column(sa.Column("enqueued_at", sa.DateTime(), nullable=True))
    with op.batch_alter_table("reports", schema=None) as batch_op:
        batch_op.add_column(sa.Column("refusal", sa.String(length=32), nullable=True))
    _fill()
    op.create_index(
        "ix_reports_counts", "reports", ["marshal", "is_current", "producer", "status", "label", "policy", "refusal"]
    )


def downgrade() -> None:
    """Go back."""
    op.drop_index("ix_reports_counts", "reports")
    with op.batch_alter_table("reports", schema=None) as batch_op:
        batch_op.drop_column("refusal")
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.drop_column("enqueued_at")
    op.drop_table("status")


def _fill() -> None:
    """The new column of the reports that are there, a thousand at a time."""
    rows = sa.table("reports", sa.column("id"), sa.column("body"), sa.column("refusal"))
    connection, last = op.get_bind(), 0
    question = sa.select(rows.c.id, rows.c.body).order_by(rows.c.id).limit(1000)
    while found := connection.execute(question.where(rows.c.id > last)).all():
        for row in found:
            if code := _refusal(row.body):
                connection.execute(sa.update(rows).where(rows.c.id == row.id).values(refusal=code))
        last = found[-1].id


def _refusal(body: str) -> str | None:
    """Why a report is a refusal; None for an answer, and for what cannot be read."""
    try:
        codes = [c.get("code") for c in json.loads(body).get("caveats") or ()]
    except (ValueError, AttributeError):
        return None
    return next((code for code in codes if code in _REFUSALS), None)
