"""An issuer's discovery document. Source: OpenID Connect Discovery 1.0, sections 4 and 4.3."""

from __future__ import annotations

from vedette.identity.compact import read_object
from vedette.identity.errors import IdentityError
from vedette.identity.fetch import Fetch, permitted, unavailable


def discovery_url(issuer: str) -> str:
    """Where the document of *issuer* stands; one slash at the issuer's end is not doubled."""
    return issuer.removesuffix("/") + "/.well-known/openid-configuration"


async def find_jwks(issuer: str, fetch: Fetch, *, loopback_http: bool = False) -> str:
    """The address of the issuer's keys.

    Raises:
        IdentityError: ``identity.unavailable``, also where the document is another
            issuer's (section 4.3: it must be identical) or names an address that is not https.
    """
    try:
        document = read_object(await fetch(discovery_url(issuer)), "the discovery document")
    except IdentityError:
        raise unavailable() from None
    address = document.get("jwks_uri")
    if document.get("issuer") != issuer or not isinstance(address, str):
        raise unavailable()
    if not permitted(address, loopback_http=loopback_http):
        raise unavailable()
    return address
