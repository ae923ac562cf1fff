"""What processes say of themselves; what is counted about answers, in columns of its own; since when posts wait."""

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0005"
branch_labels = None
depends_on = None

_COUNTED = ("label", "policy", "refusal")
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
        for name in _COUNTED:
            batch_op.add_column(sa.Column(name, sa.String(length=32), nullable=True))
    _fill()
    op.create_index("ix_reports_counts", "reports", ["marshal", "is_current", "producer", "status", *_COUNTED])


def downgrade() -> None:
    """Go back."""
    op.drop_index("ix_reports_counts", "reports")
    with op.batch_alter_table("reports", schema=None) as batch_op:
        for name in _COUNTED:
            batch_op.drop_column(name)
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.drop_column("enqueued_at")
    op.drop_table("status")


def _fill() -> None:
    """The new columns of the reports that are there, a thousand at a time."""
    rows = sa.table("reports", *(sa.column(name) for name in ("id", "body", *_COUNTED)))
    connection, last = op.get_bind(), 0
    question = sa.select(rows.c.id, rows.c.body).order_by(rows.c.id).limit(1000)
    while found := connection.execute(question.where(rows.c.id > last)).all():
        for row in found:
            connection.execute(sa.update(rows).where(rows.c.id == row.id).values(**_counted(row.body)))
        last = found[-1].id


def _counted(body: str) -> dict[str, Any]:
    """What is counted of a report; nothing of one that cannot be read."""
    try:
        report = json.loads(body)
        verdict = report.get("verdict") or report.get("host_verdict") or {}
        codes = [c.get("code") for c in report.get("caveats") or ()]
        values = {
            "label": verdict.get("label"),
            "policy": (report.get("confidence") or {}).get("policy"),
            "refusal": next((code for code in codes if code in _REFUSALS), None),
        }
    except (ValueError, AttributeError):
        return dict.fromkeys(_COUNTED)
    return {name: None if value is None else str(value)[:32] for name, value in values.items()}
