"""Actions are searched by words, and what administers is indexed too.

The index follows the journal, which has everything: it is emptied here, and made anew at the next start.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_BIG = frozenset({"seq", "rows", "bytes", "masked"})
_FLOAT = frozenset({"at", "duration"})
_NAMES = (
    "id", "worker", "seq", "session", "at", "principal", "resource", "protocol", "form", "text", "effects",
    "objects", "verdict", "rule", "reason", "code", "approval", "observed", "status", "rows", "bytes", "tag",
    "sqlstate", "masked", "duration",
)  # fmt: skip
_RARE = {"held": "approval != ''", "masked": "masked > 0", "observed": "observed != ''"}
_FOUND = ("text", "objects", "principal", "resource", "rule", "effects", "verdict", "protocol", "code")
_DOCUMENT = (
    "to_tsvector('simple', text || ' ' || objects || ' ' || principal || ' ' || resource || ' ' || rule)"
)


def upgrade() -> None:
    _empty()
    op.create_table(
        "actions", _number(), *_columns(),
        sa.PrimaryKeyConstraint("n", name="pk_actions"), sa.UniqueConstraint("id", name="uq_actions_id"),
    )  # fmt: skip
    op.create_index("ix_actions_session_seq", "actions", ["session", "seq"])
    op.create_index("ix_actions_at_verdict", "actions", ["at", "verdict"])
    for name, rare in _RARE.items():
        where = sa.text(rare)
        op.create_index(f"ix_actions_{name}", "actions", ["at"], sqlite_where=where, postgresql_where=where)
    op.create_table(
        "changes",
        _number(),
        sa.Column("worker", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("n", name="pk_changes"),
    )
    op.create_index("uq_changes_worker_seq", "changes", ["worker", "seq"], unique=True)
    op.create_index("ix_changes_at", "changes", ["at"])
    if op.get_context().dialect.name == "sqlite":
        _fts5()
    else:
        op.execute(f"CREATE INDEX ix_actions_search ON actions USING gin ({_DOCUMENT})")


def _fts5() -> None:
    """The search's table, which holds no text of its own; triggers keep it in step in each transaction."""
    names, new, old = (", ".join(f"{row}{name}" for name in _FOUND) for row in ("", "new.", "old."))
    op.execute(
        f"CREATE VIRTUAL TABLE actions_search USING fts5({names}, content='actions', content_rowid='n', "
        "columnsize=0, tokenize='unicode61 remove_diacritics 0')"
    )
    op.execute(
        "CREATE TRIGGER actions_search_add AFTER INSERT ON actions BEGIN "
        f"INSERT INTO actions_search(rowid, {names}) VALUES (new.n, {new}); END"
    )
    op.execute(
        "CREATE TRIGGER actions_search_remove AFTER DELETE ON actions BEGIN INSERT INTO "
        f"actions_search(actions_search, rowid, {names}) VALUES ('delete', old.n, {old}); END"
    )


def downgrade() -> None:
    if op.get_context().dialect.name == "sqlite":
        op.execute("DROP TABLE actions_search")
    _empty()
    op.drop_table("changes")
    op.create_table("actions", *_columns(), sa.PrimaryKeyConstraint("id", name="pk_actions"))
    op.create_index("ix_actions_at", "actions", ["at"])
    op.create_index("ix_actions_session_seq", "actions", ["session", "seq"])


def _empty() -> None:
    op.drop_table("actions")
    op.execute("DELETE FROM sessions")
    op.execute("DELETE FROM follower")


def _number() -> sa.Column[int]:
    return sa.Column("n", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False)


def _columns() -> list[sa.Column[object]]:
    return [sa.Column(name, _type(name), nullable=False) for name in _NAMES]


def _type(name: str) -> sa.types.TypeEngine[object]:
    kind = sa.BigInteger if name in _BIG else sa.Float if name in _FLOAT else sa.Text
    return kind()  # type: ignore[return-value]
