"""How many calls went to a server in each minute of the last hour. Going back, the count begins anew."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go forward."""
    op.create_table(
        "calls",
        sa.Column("server", sa.String(255), nullable=False),
        sa.Column("minute", sa.Integer(), nullable=False),
        sa.Column("calls", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("server", "minute", name="pk_calls"),
    )


def downgrade() -> None:
    """Go back."""
    op.drop_table("calls")
