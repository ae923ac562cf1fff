"""What lists of answers are sorted and filtered by stands beside the report, in an index that answers by itself.

Class, policy, probability and anomaly score are read out of the reports on file; one that cannot be read has none.
Going back loses nothing: the reports hold it all.
"""

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_AT_ONCE = 1000
_INDEX = "ix_reports_list"
_COLUMNS = ("label", "policy", "probability", "anomaly")
_rows = sa.table(
    "reports",
    sa.column("id", sa.Integer()),
    sa.column("body", sa.Text()),
    sa.column("label", sa.String(64)),
    sa.column("policy", sa.String(16)),
    sa.column("probability", sa.Float()),
    sa.column("anomaly", sa.Float()),
)


def upgrade() -> None:
    """Go forward."""
    with op.batch_alter_table("reports", schema=None) as batch_op:
        batch_op.add_column(sa.Column("label", sa.String(length=64), nullable=True))
        batch_op.add_column(sa.Column("policy", sa.String(length=16), nullable=True))
        batch_op.add_column(sa.Column("probability", sa.Float(), nullable=True))
        batch_op.add_column(sa.Column("anomaly", sa.Float(), nullable=True))
    _fill()
    with op.batch_alter_table("reports", schema=None) as batch_op:
        batch_op.create_index(
            _INDEX,
            ["marshal", "is_current", "filed_at", "status", "producer", "target_id", *_COLUMNS, "group_ids"],
            unique=False,
        )
    with op.batch_alter_table("queue", schema=None) as batch_op:
        batch_op.create_index("ix_queue_target", ["marshal", "target_id"], unique=False)


def downgrade() -> None:
    """Go back."""
    with op.batch_alter_table("queue", schema=None) as batch_op:
        batch_op.drop_index("ix_queue_target")
    with op.batch_alter_table("reports", schema=None) as batch_op:
        batch_op.drop_index(_INDEX)
    with op.batch_alter_table("reports", schema=None) as batch_op:
        for name in reversed(_COLUMNS):
            batch_op.drop_column(name)


def _fill() -> None:
    connection, last = op.get_bind(), 0
    while True:
        some = sa.select(_rows.c.id, _rows.c.body).where(_rows.c.id > last).order_by(_rows.c.id).limit(_AT_ONCE)
        found = connection.execute(some).all()
        if not found:
            return
        last = found[-1].id
        for row in found:
            if values := _values(row.body):
                connection.execute(sa.update(_rows).where(_rows.c.id == row.id).values(**values))


def _values(body: str) -> dict[str, Any]:
    try:
        report = json.loads(body)
        verdict = report.get("verdict") or report.get("host_verdict") or {}
        values = {
            "label": verdict.get("label"),
            "policy": (report.get("confidence") or {}).get("policy"),
            "probability": (verdict.get("probabilities") or {}).get(verdict.get("label")),
            "anomaly": (report.get("anomaly") or {}).get("score"),
        }
    except (ValueError, AttributeError, TypeError):
        return {}
    kinds = {"label": str, "policy": str, "probability": (int, float), "anomaly": (int, float)}
    return {name: value for name, value in values.items() if isinstance(value, kinds[name])}  # type: ignore[arg-type]
