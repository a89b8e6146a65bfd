"""The tables. A change here needs a migration beside it; a test compares the two.

Times are Unix seconds. Lists and mappings are JSON. SQLite and PostgreSQL both
take all of it.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    text,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

sessions = Table(
    "sessions", metadata,
    Column("id", Text, primary_key=True),
    Column("worker", Text, nullable=False),
    Column("first_seq", BigInteger, nullable=False),
    Column("last_seq", BigInteger, nullable=False),
    Column("principal", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("groups", JSON, nullable=False),
    Column("actor", Text, nullable=False),
    Column("resource", Text, nullable=False),
    Column("protocol", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("application", Text, nullable=False),
    Column("policy", Text, nullable=False),
    Column("run", Text, nullable=False),
    Column("opened", Float, nullable=False),
    Column("closed", Float),
    Column("reason", Text, nullable=False),
    Column("actions", Integer, nullable=False),
    Column("denied", Integer, nullable=False),
    Column("held", Integer, nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("masked", BigInteger, nullable=False),
    Index(None, "opened"),
    Index(None, "principal", "opened"),
    Index(None, "resource", "opened"),
)  # fmt: skip

actions = Table(
    "actions", metadata,
    # In the order they were indexed, which is the journal's; what the search finds rows by.
    Column("n", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("id", Text, nullable=False, unique=True),
    Column("worker", Text, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("session", Text, nullable=False),
    Column("at", Float, nullable=False),
    Column("principal", Text, nullable=False),
    Column("resource", Text, nullable=False),
    Column("protocol", Text, nullable=False),
    Column("form", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("effects", Text, nullable=False),
    Column("objects", Text, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("rule", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("approval", Text, nullable=False),
    Column("observed", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("tag", Text, nullable=False),
    Column("sqlstate", Text, nullable=False),
    Column("masked", BigInteger, nullable=False),
    Column("duration", Float, nullable=False),
    Index(None, "session", "seq"),
    Index(None, "at", "verdict"),
)  # fmt: skip

# What administers: who may come in, what holds, when the gateway was up. The journal's records, indexed.
changes = Table(
    "changes", metadata,
    Column("n", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("worker", Text, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("at", Float, nullable=False),
    Column("kind", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("what", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("body", JSON, nullable=False),
    Index("uq_changes_worker_seq", "worker", "seq", unique=True),
    Index(None, "at"),
)  # fmt: skip

# What is rare is found by an index of its own. The conditions stand in queries to the letter.
HELD, MASKED, OBSERVED = text("approval != ''"), text("masked > 0"), text("observed != ''")
for _name, _rare in (("held", HELD), ("masked", MASKED), ("observed", OBSERVED)):
    Index(f"ix_actions_{_name}", actions.c.at, sqlite_where=_rare, postgresql_where=_rare)

holds = Table(
    "holds", metadata,
    Column("id", Text, primary_key=True),
    Column("created", Float, nullable=False),
    Column("expires", Float, nullable=False),
    Column("patience", Float, nullable=False),
    Column("session", Text, nullable=False),
    Column("principal", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("groups", JSON, nullable=False),
    Column("email", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("resource", Text, nullable=False),
    Column("protocol", Text, nullable=False),
    Column("form", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("parameters", JSON, nullable=False),
    Column("state", JSON, nullable=False),
    Column("touches", JSON, nullable=False),
    Column("rule", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("approvers", JSON, nullable=False),
    Column("count", Integer, nullable=False),
    Column("mode", Text, nullable=False),
    Column("uses", Integer, nullable=False),
    Column("uses_left", Integer, nullable=False),
    Column("status", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("terms", Text, nullable=False),
    Column("policy", Text, nullable=False),
    Column("worker", Text, nullable=False),
    Column("boot", Text, nullable=False),
    Column("owner", Text, nullable=False, server_default=""),
    Column("preview", Text, nullable=False, server_default=""),
    Index(None, "status", "created"),
    Index(None, "digest", "terms"),
)  # fmt: skip

# The same action cannot have two tickets that are still good for something.
Index(
    "uq_holds_live_ticket", holds.c.digest, holds.c.terms, unique=True,
    sqlite_where=text("mode = 'ticket' AND status IN ('pending', 'approved')"),
    postgresql_where=text("mode = 'ticket' AND status IN ('pending', 'approved')"),
)  # fmt: skip

hold_decisions = Table(
    "hold_decisions", metadata,
    Column("hold", Text, ForeignKey("holds.id"), nullable=False),
    Column("principal", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("email", Text, nullable=False),
    Column("approve", Boolean, nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", Float, nullable=False),
    Column("owner", Text, nullable=False, server_default=""),
    PrimaryKeyConstraint("hold", "principal"),
)  # fmt: skip

hold_uses = Table(
    "hold_uses", metadata,
    Column("hold", Text, ForeignKey("holds.id"), nullable=False),
    Column("left", Integer, nullable=False),
    Column("session", Text, nullable=False),
    Column("at", Float, nullable=False),
    # One row per use: even a database that forgot the counter refuses the second one.
    PrimaryKeyConstraint("hold", "left"),
)  # fmt: skip

tokens = Table(
    "tokens", metadata,
    Column("id", Text, primary_key=True),
    Column("issuer", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("groups", JSON, nullable=False),
    Column("actor", Text),
    Column("email", Text),
    Column("issued", BigInteger, nullable=False),
    Column("expires", BigInteger, nullable=False),
    Column("key_id", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("revoked", Float),
    Column("resources", JSON(none_as_null=True)),
    Column("client", Text, nullable=False, server_default=""),
    Column("scope", Text, nullable=False, server_default=""),
    Column("owner", Text, nullable=False, server_default=""),
    Column("grant", Text, nullable=False, server_default=""),
    Column("parent", Text, nullable=False, server_default=""),
    Index(None, "expires"),
    Index(None, "owner"),
    Index(None, "grant"),
    Index(None, "parent"),
)  # fmt: skip

keys = Table(
    "keys", metadata,
    Column("prefix", Text, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("subject", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("groups", JSON, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("expires", BigInteger),
    Column("salt", LargeBinary, nullable=False),
    Column("iterations", Integer, nullable=False),
    Column("stored_key", LargeBinary, nullable=False),
    Column("server_key", LargeBinary, nullable=False),
    Column("used", Float),
    Column("revoked", Float),
    Column("owner", Text, nullable=False, server_default=""),
    # The fingerprint of a public SSH key, which then is what proves it. One speaks for one principal only.
    Column("ssh", Text),
    Index("uq_keys_ssh", "ssh", unique=True),
)  # fmt: skip

# The built-in issuer. A name is a person's or an account's, never both: adding one looks at both tables.
people = Table(
    "people", metadata,
    Column("name", Text, primary_key=True),
    Column("email", Text),
    Column("groups", JSON, nullable=False),
    # Argon2id in its own encoding, None until one is set.
    Column("password", Text),
    Column("created", Float, nullable=False),
    Column("changed", Float),
    Column("used", Float),
    Column("disabled", Float),
)  # fmt: skip

accounts = Table(
    "accounts", metadata,
    Column("name", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("groups", JSON, nullable=False),
    Column("owner", Text, nullable=False),
    # SHA-256 of a secret that has 256 random bits.
    Column("verifier", LargeBinary, nullable=False),
    Column("created", Float, nullable=False),
    Column("changed", Float, nullable=False),
    Column("used", Float),
    Column("disabled", Float),
)  # fmt: skip

grants = Table(
    "grants", metadata,
    Column("id", Text, primary_key=True),
    Column("person", Text, ForeignKey("people.name"), nullable=False),
    Column("client", Text, nullable=False),
    Column("scope", Text, nullable=False),
    Column("created", Float, nullable=False),
    Column("expires", Float, nullable=False),
    Column("revoked", Float),
    Index(None, "person"),
)  # fmt: skip

refresh_tokens = Table(
    "refresh_tokens", metadata,
    # SHA-256 of the token. One row each, used ones too: that is how a second use is noticed.
    Column("digest", LargeBinary, primary_key=True),
    Column("grant", Text, ForeignKey("grants.id"), nullable=False),
    Column("issued", Float, nullable=False),
    Column("used", Float),
    Index(None, "grant"),
)  # fmt: skip

setup_links = Table(
    "setup_links", metadata,
    Column("digest", LargeBinary, primary_key=True),
    Column("created", Float, nullable=False),
    Column("expires", Float, nullable=False),
    Column("used", Float),
)  # fmt: skip

# Who is shut out: a principal's id or a credential's. Until None is for good.
blocks = Table(
    "blocks", metadata,
    Column("id", Text, primary_key=True),
    Column("by", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("created", Float, nullable=False),
    Column("until", Float),
)  # fmt: skip

sealed = Table(
    "sealed", metadata,
    Column("name", Text, primary_key=True),
    Column("key_id", Text, nullable=False),
    Column("nonce", LargeBinary, nullable=False),
    Column("box", LargeBinary, nullable=False),
    Column("written", Float, nullable=False),
)  # fmt: skip

follower = Table(
    "follower", metadata,
    Column("worker", Text, primary_key=True),
    Column("seq", BigInteger, nullable=False),
)  # fmt: skip
