"""Who answers for what asked for a hold or decided it, and which token another was lent by."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

COLUMNS = (("holds", "owner"), ("hold_decisions", "owner"), ("tokens", "parent"))


def upgrade() -> None:
    for table, name in COLUMNS:
        op.add_column(table, sa.Column(name, sa.Text(), nullable=False, server_default=""))
    op.create_index("ix_tokens_parent", "tokens", ["parent"])


def downgrade() -> None:
    op.drop_index("ix_tokens_parent", "tokens")
    for table, name in reversed(COLUMNS):
        op.drop_column(table, name)
