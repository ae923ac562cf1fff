"""Classification reports to the TNS. Going back, drafts and what became of reports are lost; the TNS has its own."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go forward."""
    op.create_table(
        "tns_reports",
        sa.Column("marshal", sa.String(length=255), nullable=False),
        sa.Column("server", sa.String(length=255), nullable=False),
        sa.Column("target_id", sa.String(length=255), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("draft", sa.Text(), nullable=False),
        sa.Column("drafted_at", sa.DateTime(), nullable=False),
        sa.Column("reviewer", sa.String(length=200), nullable=True),
        sa.Column("stored_name", sa.String(length=255), nullable=True),
        sa.Column("report_id", sa.String(length=32), nullable=True),
        sa.Column("sent_at", sa.DateTime(), nullable=True),
        sa.Column("reasons", sa.Text(), nullable=False),
        sa.Column("history", sa.Text(), nullable=False),
        sa.Column("not_before", sa.DateTime(), nullable=False),
        sa.Column("touched_at", sa.DateTime(), nullable=False),
        sa.Column("claimed_by", sa.String(length=64), nullable=True),
        sa.Column("claimed_until", sa.DateTime(), nullable=True),
        sa.PrimaryKeyConstraint("marshal", "server", "target_id", name=op.f("pk_tns_reports")),
    )
    with op.batch_alter_table("tns_reports", schema=None) as batch_op:
        batch_op.create_index("ix_tns_reports_due", ["marshal", "server", "state", "not_before"], unique=False)


def downgrade() -> None:
    """Go back."""
    with op.batch_alter_table("tns_reports", schema=None) as batch_op:
        batch_op.drop_index("ix_tns_reports_due")
    op.drop_table("tns_reports")
