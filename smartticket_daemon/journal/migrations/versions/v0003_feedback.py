"""What people made of our decisions."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """One table more; all else stays as it is."""
    moments = (sa.Column(name, sa.DateTime(timezone=True), nullable=False) for name in _MOMENTS)
    op.create_table(
        "feedback",
        sa.Column("key", sa.Text, sa.ForeignKey("message.key"), primary_key=True),
        sa.Column("opinion", sa.Text, nullable=False),
        sa.Column("label", sa.Text),
        *moments,
    )


_MOMENTS = ("since", "looked", "due")
