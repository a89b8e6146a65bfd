"""The built-in issuer: people, service accounts and the OAuth 2.0 flows by which they get gateway tokens.

For places without an identity provider of their own. Everything here is values and rules; the routes are
in ``vedette.api``, what is kept is in ``vedette.store``. docs/issuer.md tells it from outside.
"""
