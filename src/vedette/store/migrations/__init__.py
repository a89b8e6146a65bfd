"""Alembic's scripts; run by ``vedette.store.migrate``, never by hand."""
