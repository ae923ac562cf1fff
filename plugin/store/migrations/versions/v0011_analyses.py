"""Analyses that somebody asks for on the marshal. Going back, those that are not answered yet are lost."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go forward."""
    op.create_table(
        "analyses",
        sa.Column("marshal", sa.String(length=255), nullable=False),
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("service", sa.String(length=16), nullable=False),
        sa.Column("target_id", sa.String(length=255), nullable=False),
        sa.Column("hook", sa.Text(), nullable=True),
        sa.Column("inputs", sa.Text(), nullable=True),
        sa.Column("plots", sa.Text(), nullable=True),
        sa.Column("received_at", sa.DateTime(), nullable=False),
        sa.Column("invalid_after", sa.DateTime(), nullable=True),
        sa.Column("ended", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("marshal", "id", name=op.f("pk_analyses")),
    )
    with op.batch_alter_table("analyses", schema=None) as batch_op:
        batch_op.create_index("ix_analyses_ended", ["marshal", "ended"], unique=False)


def downgrade() -> None:
    """Go back: an earlier version knows nothing of these, in whatever table they are."""
    op.execute("DELETE FROM queue WHERE subject = 'analysis'")
    op.execute("DELETE FROM outbox WHERE place_kind = 'analysis'")
    op.execute("DELETE FROM delivered WHERE place_kind = 'analysis'")
    with op.batch_alter_table("analyses", schema=None) as batch_op:
        batch_op.drop_index("ix_analyses_ended")
    op.drop_table("analyses")
