"""Mirror of the TNS."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go forward."""
    op.create_table(
        "tns_objects",
        sa.Column("server", sa.String(length=255), nullable=False),
        sa.Column("objid", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("prefix", sa.String(length=16), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("ra_deg", sa.Float(), nullable=False),
        sa.Column("dec_deg", sa.Float(), nullable=False),
        sa.Column("dec_band", sa.Integer(), nullable=False),
        sa.Column("type", sa.String(length=64), nullable=True),
        sa.Column("redshift", sa.Float(), nullable=True),
        sa.Column("internal_names", sa.Text(), nullable=False),
        sa.Column("discovered_at", sa.String(length=64), nullable=True),
        sa.Column("modified", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("server", "objid", name=op.f("pk_tns_objects")),
    )
    with op.batch_alter_table("tns_objects", schema=None) as batch_op:
        batch_op.create_index("ix_tns_objects_position", ["server", "dec_band", "ra_deg"], unique=False)
    op.create_table(
        "tns_files",
        sa.Column("server", sa.String(length=255), nullable=False),
        sa.Column("file", sa.String(length=64), nullable=False),
        sa.Column("read_at", sa.DateTime(), nullable=True),
        sa.Column("not_before", sa.DateTime(), nullable=True),
        sa.PrimaryKeyConstraint("server", "file", name=op.f("pk_tns_files")),
    )


def downgrade() -> None:
    """Go back."""
    op.drop_table("tns_files")
    with op.batch_alter_table("tns_objects", schema=None) as batch_op:
        batch_op.drop_index("ix_tns_objects_position")
    op.drop_table("tns_objects")
