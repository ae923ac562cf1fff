"""NEEDLE's record, and objects that no list of the marshal's has. Going back, the record is lost, and such objects
count as candidates."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go forward."""
    with op.batch_alter_table("queue", schema=None) as batch_op:
        batch_op.add_column(sa.Column("listed", sa.Boolean(), nullable=False, server_default=sa.true()))
    with op.batch_alter_table("queue", schema=None) as batch_op:
        batch_op.alter_column("listed", server_default=None)
    op.create_table(
        "needle_objects",
        sa.Column("marshal", sa.String(length=255), nullable=False),
        sa.Column("target_id", sa.String(length=255), nullable=False),
        sa.Column("listed", sa.Boolean(), nullable=False),
        sa.Column("ra_deg", sa.Float(), nullable=True),
        sa.Column("dec_deg", sa.Float(), nullable=True),
        sa.Column("discovery_mjd", sa.Float(), nullable=True),
        sa.Column("answered_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("marshal", "target_id", name=op.f("pk_needle_objects")),
    )
    with op.batch_alter_table("needle_objects", schema=None) as batch_op:
        batch_op.create_index("ix_needle_objects_listed", ["marshal", "listed"], unique=False)
    op.create_table(
        "needle_crossings",
        sa.Column("marshal", sa.String(length=255), nullable=False),
        sa.Column("target_id", sa.String(length=255), nullable=False),
        sa.Column("label", sa.String(length=16), nullable=False),
        sa.Column("crossed_at", sa.DateTime(), nullable=False),
        sa.Column("alert_mjd", sa.Float(), nullable=True),
        sa.Column("probability", sa.Float(), nullable=False),
        sa.Column("threshold", sa.Float(), nullable=False),
        sa.Column("model", sa.String(length=255), nullable=False),
        sa.PrimaryKeyConstraint("marshal", "target_id", "label", name=op.f("pk_needle_crossings")),
    )


def downgrade() -> None:
    """Go back."""
    op.drop_table("needle_crossings")
    with op.batch_alter_table("needle_objects", schema=None) as batch_op:
        batch_op.drop_index("ix_needle_objects_listed")
    op.drop_table("needle_objects")
    with op.batch_alter_table("queue", schema=None) as batch_op:
        batch_op.drop_column("listed")
