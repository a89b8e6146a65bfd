"""The built-in issuer: people, service accounts, sign-ins; and who stands behind a token or key."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TEXTS = ("client", "scope", "owner", "grant")


def upgrade() -> None:
    op.add_column("tokens", sa.Column("resources", sa.JSON(none_as_null=True)))
    for name in TEXTS:
        op.add_column("tokens", sa.Column(name, sa.Text(), nullable=False, server_default=""))
    op.create_index("ix_tokens_owner", "tokens", ["owner"])
    op.create_index("ix_tokens_grant", "tokens", ["grant"])
    op.add_column("keys", sa.Column("owner", sa.Text(), nullable=False, server_default=""))
    op.create_table(
        "people",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("email", sa.Text()),
        sa.Column("groups", sa.JSON(), nullable=False),
        sa.Column("password", sa.Text()),
        sa.Column("created", sa.Float(), nullable=False),
        sa.Column("changed", sa.Float()),
        sa.Column("used", sa.Float()),
        sa.Column("disabled", sa.Float()),
        sa.PrimaryKeyConstraint("name", name="pk_people"),
    )
    op.create_table(
        "accounts",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("groups", sa.JSON(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("verifier", sa.LargeBinary(), nullable=False),
        sa.Column("created", sa.Float(), nullable=False),
        sa.Column("changed", sa.Float(), nullable=False),
        sa.Column("used", sa.Float()),
        sa.Column("disabled", sa.Float()),
        sa.PrimaryKeyConstraint("name", name="pk_accounts"),
    )
    op.create_table(
        "grants",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("client", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("created", sa.Float(), nullable=False),
        sa.Column("expires", sa.Float(), nullable=False),
        sa.Column("revoked", sa.Float()),
        sa.ForeignKeyConstraint(["person"], ["people.name"], name="fk_grants_person"),
        sa.PrimaryKeyConstraint("id", name="pk_grants"),
    )
    op.create_index("ix_grants_person", "grants", ["person"])
    op.create_table(
        "refresh_tokens",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("grant", sa.Text(), nullable=False),
        sa.Column("issued", sa.Float(), nullable=False),
        sa.Column("used", sa.Float()),
        sa.ForeignKeyConstraint(["grant"], ["grants.id"], name="fk_refresh_tokens_grant"),
        sa.PrimaryKeyConstraint("digest", name="pk_refresh_tokens"),
    )
    op.create_index("ix_refresh_tokens_grant", "refresh_tokens", ["grant"])
    op.create_table(
        "setup_links",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("created", sa.Float(), nullable=False),
        sa.Column("expires", sa.Float(), nullable=False),
        sa.Column("used", sa.Float()),
        sa.PrimaryKeyConstraint("digest", name="pk_setup_links"),
    )


def downgrade() -> None:
    for table in ("setup_links", "refresh_tokens", "grants", "accounts", "people"):
        op.drop_table(table)
    op.drop_column("keys", "owner")
    op.drop_index("ix_tokens_grant", "tokens")
    op.drop_index("ix_tokens_owner", "tokens")
    for name in (*reversed(TEXTS), "resources"):
        op.drop_column("tokens", name)
