"""Whether the stream has drifted, and calibrations of one's own. Going back, both are lost; tests begin anew."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go forward."""
    op.create_table(
        "drift_state",
        sa.Column("marshal", sa.String(length=255), nullable=False),
        sa.Column("changed_at", sa.DateTime(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("marshal", name=op.f("pk_drift_state")),
    )
    op.create_table(
        "drift_alarms",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("marshal", sa.String(length=255), nullable=False),
        sa.Column("test", sa.String(length=255), nullable=False),
        sa.Column("raised_at", sa.DateTime(), nullable=False),
        sa.Column("sentence", sa.Text(), nullable=False),
        sa.Column("acknowledged_at", sa.DateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_drift_alarms")),
    )
    with op.batch_alter_table("drift_alarms", schema=None) as batch_op:
        batch_op.create_index("ix_drift_alarms_open", ["marshal", "acknowledged_at"], unique=False)
    op.create_table(
        "calibrations",
        sa.Column("marshal", sa.String(length=255), nullable=False),
        sa.Column("calibration_id", sa.String(length=64), nullable=False),
        sa.Column("bundle", sa.String(length=255), nullable=False),
        sa.Column("made_at", sa.DateTime(), nullable=False),
        sa.Column("passed", sa.Boolean(), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("adopted_at", sa.DateTime(), nullable=True),
        sa.Column("retired_at", sa.DateTime(), nullable=True),
        sa.PrimaryKeyConstraint("marshal", "calibration_id", name=op.f("pk_calibrations")),
    )


def downgrade() -> None:
    """Go back."""
    op.drop_table("calibrations")
    with op.batch_alter_table("drift_alarms", schema=None) as batch_op:
        batch_op.drop_index("ix_drift_alarms_open")
    op.drop_table("drift_alarms")
    op.drop_table("drift_state")
