"""What people say that our objects are, and of our alerts. Going back, both are lost; labels are found again.

Since when people could read an answer of ours at a place is kept too. Of what hangs there already the time of the last
delivery is known; the first cannot have been before the place's first report, whose time is taken.
"""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0017"
branch_labels = None
depends_on = None

_reports = sa.table(
    "reports", *(sa.column(name) for name in ("marshal", "subject", "subject_id", "target_id", "filed_at"))
)
_delivered = sa.table("delivered", *(sa.column(name) for name in ("marshal", "place_kind", "place_id", "delivered_at")))
_shown = sa.table("shown", *(sa.column(name) for name in ("marshal", "place_kind", "place_id", "first_at")))


def upgrade() -> None:
    """Go forward."""
    op.create_table(
        "truths",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("marshal", sa.String(length=255), nullable=False),
        sa.Column("target_id", sa.String(length=255), nullable=False),
        sa.Column("source", sa.String(length=16), nullable=False),
        sa.Column("row_key", sa.String(length=255), nullable=False),
        sa.Column("told_by", sa.String(length=255), nullable=True),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("label", sa.String(length=64), nullable=True),
        sa.Column("rare", sa.String(length=64), nullable=True),
        sa.Column("subtype", sa.String(length=64), nullable=True),
        sa.Column("probability", sa.Float(), nullable=True),
        sa.Column("told_at", sa.DateTime(), nullable=False),
        sa.Column("seen_at", sa.DateTime(), nullable=False),
        sa.Column("withdrawn_at", sa.DateTime(), nullable=True),
        sa.Column("after_ours", sa.Boolean(), nullable=False),
        sa.Column("derived", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_truths")),
    )
    op.create_index("ix_truths_target", "truths", ["marshal", "target_id"], unique=False)
    op.create_table(
        "truth_asked",
        sa.Column("marshal", sa.String(length=255), nullable=False),
        sa.Column("target_id", sa.String(length=255), nullable=False),
        sa.Column("asked_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("marshal", "target_id", name=op.f("pk_truth_asked")),
    )
    op.create_table(
        "verdicts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("marshal", sa.String(length=255), nullable=False),
        sa.Column("spectrum_id", sa.String(length=255), nullable=False),
        sa.Column("target_id", sa.String(length=255), nullable=False),
        sa.Column("who", sa.String(length=255), nullable=False),
        sa.Column("verdict", sa.String(length=16), nullable=False),
        sa.Column("told_at", sa.DateTime(), nullable=False),
        sa.Column("bundle", sa.String(length=255), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_verdicts")),
    )
    op.create_index("ix_verdicts_spectrum", "verdicts", ["marshal", "spectrum_id"], unique=False)
    op.create_table(
        "shown",
        sa.Column("marshal", sa.String(length=255), nullable=False),
        sa.Column("place_kind", sa.String(length=16), nullable=False),
        sa.Column("place_id", sa.String(length=255), nullable=False),
        sa.Column("first_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("marshal", "place_kind", "place_id", name=op.f("pk_shown")),
    )
    _fill()


def downgrade() -> None:
    """Go back."""
    op.drop_table("shown")
    op.drop_index("ix_verdicts_spectrum", table_name="verdicts")
    op.drop_table("verdicts")
    op.drop_table("truth_asked")
    op.drop_index("ix_truths_target", table_name="truths")
    op.drop_table("truths")


def _fill() -> None:
    same = _reports.c.marshal == _delivered.c.marshal
    spectrum = (_reports.c.subject == "spectrum") & (_reports.c.subject_id == _delivered.c.place_id)
    for kind, here in (("spectrum", spectrum), ("source", _reports.c.target_id == _delivered.c.place_id)):
        first = sa.select(sa.func.min(_reports.c.filed_at)).where(same, here).scalar_subquery()
        since = sa.func.min(sa.func.coalesce(first, _delivered.c.delivered_at))
        place = (_delivered.c.marshal, _delivered.c.place_kind, _delivered.c.place_id)
        there = (_delivered.c.place_kind == kind) & _delivered.c.delivered_at.is_not(None)
        found = sa.select(*place, since).where(there).group_by(*place)
        op.execute(sa.insert(_shown).from_select(["marshal", "place_kind", "place_id", "first_at"], found))
