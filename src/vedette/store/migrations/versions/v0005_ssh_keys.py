"""Keys of which the secret is an SSH key of the caller's own."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("keys") as table:
        table.add_column(sa.Column("ssh", sa.Text()))
    op.create_index("uq_keys_ssh", "keys", ["ssh"], unique=True)


def downgrade() -> None:
    op.drop_index("uq_keys_ssh", "keys")
    with op.batch_alter_table("keys") as table:
        table.drop_column("ssh")
