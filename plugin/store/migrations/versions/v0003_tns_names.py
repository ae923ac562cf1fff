"""What the TNS calls our sources, and what it called them before."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go forward."""
    op.create_table(
        "tns_names",
        sa.Column("marshal", sa.String(length=255), nullable=False),
        sa.Column("target_id", sa.String(length=255), nullable=False),
        sa.Column("since", sa.DateTime(), nullable=False),
        sa.Column("asked_at", sa.DateTime(), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=True),
        sa.Column("type", sa.String(length=64), nullable=True),
        sa.Column("redshift", sa.Float(), nullable=True),
        sa.Column("separation_arcsec", sa.Float(), nullable=True),
        sa.Column("source", sa.String(length=16), nullable=True),
        sa.PrimaryKeyConstraint("marshal", "target_id", "since", name=op.f("pk_tns_names")),
    )


def downgrade() -> None:
    """Go back."""
    op.drop_table("tns_names")
