"""How far the past of each source was triaged."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """One table more; all else stays as it is."""
    op.create_table(
        "backfill",
        sa.Column("source", sa.Text, sa.ForeignKey("source.name"), primary_key=True),
        sa.Column("cursor", sa.Text),
        sa.Column("tickets", sa.Integer, nullable=False),
        sa.Column("since", sa.DateTime(timezone=True)),
        sa.Column("finished", sa.DateTime(timezone=True)),
    )
