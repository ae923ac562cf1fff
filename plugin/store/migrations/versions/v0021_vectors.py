"""Shapes and embeddings of answered spectra, to find others that are like one."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go forward."""
    op.create_table(
        "vectors",
        sa.Column("marshal", sa.String(255), nullable=False),
        sa.Column("subject_id", sa.String(255), nullable=False),
        sa.Column("target_id", sa.String(255), nullable=False),
        sa.Column("label", sa.String(64), nullable=False),
        sa.Column("observed_at", sa.String(64)),
        sa.Column("instrument", sa.String(255)),
        sa.Column("group_ids", sa.Text(), nullable=False),
        sa.Column("model", sa.String(255), nullable=False),
        sa.Column("shape", sa.LargeBinary(), nullable=False),
        sa.Column("embedding", sa.LargeBinary()),
        sa.PrimaryKeyConstraint("marshal", "subject_id", name="pk_vectors"),
    )
    op.create_index("ix_vectors_target", "vectors", ["marshal", "target_id"])


def downgrade() -> None:
    """Go back."""
    op.drop_index("ix_vectors_target", "vectors")
    op.drop_table("vectors")
