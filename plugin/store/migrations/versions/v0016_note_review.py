"""Notes as people review them, and the AstroNotes of others. Going back, what people made of drafts is lost."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_INDEXES = {
    "ix_astronote_objects_name": ["server", "name"],
    "ix_astronote_objects_alt_name": ["server", "alt_name"],
    "ix_astronote_objects_position": ["server", "dec_band", "ra_deg"],
}


def upgrade() -> None:
    """Go forward."""
    op.create_table(
        "notes",
        sa.Column("marshal", sa.String(length=255), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("night", sa.String(length=32), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("machine", sa.Text(), nullable=False),
        sa.Column("machine_at", sa.DateTime(), nullable=False),
        sa.Column("edited", sa.Boolean(), nullable=False),
        sa.Column("parent", sa.Integer(), nullable=True),
        sa.Column("approved_by", sa.String(length=200), nullable=True),
        sa.Column("approved_at", sa.DateTime(), nullable=True),
        sa.Column("touched_by", sa.String(length=200), nullable=True),
        sa.Column("touched_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("marshal", "kind", "night", "version", name=op.f("pk_notes")),
    )
    op.create_table(
        "note_revisions",
        sa.Column("marshal", sa.String(length=255), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("night", sa.String(length=32), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("revision", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("by", sa.String(length=200), nullable=True),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("said", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("marshal", "kind", "night", "version", "revision", name=op.f("pk_note_revisions")),
    )
    op.create_table(
        "astronotes",
        sa.Column("server", sa.String(length=255), nullable=False),
        sa.Column("number", sa.String(length=32), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("authors", sa.Text(), nullable=False),
        sa.Column("source_group", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("posted_at", sa.String(length=64), nullable=True),
        sa.Column("read_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("server", "number", name=op.f("pk_astronotes")),
    )
    op.create_table(
        "astronote_objects",
        sa.Column("server", sa.String(length=255), nullable=False),
        sa.Column("number", sa.String(length=32), nullable=False),
        sa.Column("part", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("name", sa.String(length=80), nullable=True),
        sa.Column("alt_name", sa.String(length=255), nullable=True),
        sa.Column("ra_deg", sa.Float(), nullable=True),
        sa.Column("dec_deg", sa.Float(), nullable=True),
        sa.Column("dec_band", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("server", "number", "part", name=op.f("pk_astronote_objects")),
    )
    with op.batch_alter_table("astronote_objects", schema=None) as batch_op:
        for name, columns in _INDEXES.items():
            batch_op.create_index(name, columns, unique=False)


def downgrade() -> None:
    """Go back."""
    with op.batch_alter_table("astronote_objects", schema=None) as batch_op:
        for name in _INDEXES:
            batch_op.drop_index(name)
    for table in ("astronote_objects", "astronotes", "note_revisions", "notes"):
        op.drop_table(table)
