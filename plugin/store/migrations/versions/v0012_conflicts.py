"""Who disagrees about what a source is."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go forward."""
    op.add_column("tns_names", sa.Column("conflict", sa.Text(), nullable=True))


def downgrade() -> None:
    """Go back."""
    with op.batch_alter_table("tns_names") as table:
        table.drop_column("conflict")
