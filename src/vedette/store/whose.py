"""Whose a row is: of a principal itself, or of an agent that acts on its behalf."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, func, or_

from vedette.model import Principal


@dataclass(frozen=True, slots=True)
class Whose:
    """Rows of *principal*; with *agents*, of those too that act on its behalf or are its own."""

    principal: Principal
    agents: bool

    def by_id(self, principal: ColumnElement[str], actor: ColumnElement[str]) -> ColumnElement[bool]:
        """Where a row names its principal by id (``issuer#subject``)."""
        who = self.principal
        itself = principal == who.id
        if not self.agents:
            return itself
        # Compared as it is: LIKE would take case and wildcards in a name for its own.
        prefix = f"{who.issuer}#"
        near = func.substr(principal, 1, len(prefix)) == prefix
        return or_(itself, actor == who.id, and_(actor == who.subject, near))

    def by_subject(
        self, issuer: ColumnElement[str], subject: ColumnElement[str], actor: ColumnElement[str],
        owner: ColumnElement[str],
    ) -> ColumnElement[bool]:  # fmt: skip
        """Where a row names issuer and subject apart, and the id of whoever answers for it."""
        who = self.principal
        near = issuer == who.issuer
        itself = and_(subject == who.subject, near)
        if not self.agents:
            return itself
        return or_(itself, owner == who.id, actor == who.id, and_(actor == who.subject, near))
