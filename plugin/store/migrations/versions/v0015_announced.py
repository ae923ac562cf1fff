"""What notes have announced. Going back, that is lost: notes of the earlier version know nothing of it."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go forward."""
    op.create_table(
        "announced",
        sa.Column("marshal", sa.String(length=255), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("target_id", sa.String(length=255), nullable=False),
        sa.Column("period", sa.String(length=32), nullable=False),
        sa.Column("night", sa.String(length=10), nullable=False),
        sa.Column("answer", sa.String(length=255), nullable=False),
        sa.Column("announced_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("marshal", "kind", "target_id", "period", name=op.f("pk_announced")),
    )


def downgrade() -> None:
    """Go back."""
    op.drop_table("announced")
