"""What the issuer says of itself. Sources: OpenID Connect Discovery 1.0 section 3, RFC 8414, RFC 9207."""

from __future__ import annotations

from collections.abc import Mapping

from vedette.config import Settings
from vedette.identity.signing import ALGORITHM
from vedette.issuer.clients import SCOPES

EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
DEVICE = "urn:ietf:params:oauth:grant-type:device_code"
GRANTS = ("authorization_code", "refresh_token", "client_credentials", DEVICE, EXCHANGE)
ANY = frozenset({"0.0.0.0", "::", ""})  # compared with, not bound to


def address(settings: Settings, ports: Mapping[str, int]) -> str:
    """Where the issuer is: ``gateway.url``, else this machine's web listener. An origin, without a slash."""
    gateway = settings.gateway
    if gateway.url is not None:
        return gateway.url
    where = gateway.listen.web
    host = "localhost" if where is None or where.host in ANY else where.host
    port = ports.get("web") or (where.port if where is not None else 0)
    scheme = "http" if where is not None and where.loopback else "https"
    name = f"[{host}]" if ":" in host else host
    return f"{scheme}://{name}:{port}"


def metadata(issuer: str) -> dict[str, object]:
    """The discovery document of the issuer at that address."""
    return {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/oauth/authorize",
        "token_endpoint": f"{issuer}/oauth/token",
        "device_authorization_endpoint": f"{issuer}/oauth/device_authorization",
        "revocation_endpoint": f"{issuer}/oauth/revoke",
        "userinfo_endpoint": f"{issuer}/oauth/userinfo",
        "jwks_uri": f"{issuer}/oauth/jwks",
        "scopes_supported": list(SCOPES),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": list(GRANTS),
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["none", "client_secret_basic", "client_secret_post"],
        "revocation_endpoint_auth_methods_supported": ["none", "client_secret_basic", "client_secret_post"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": [ALGORITHM],
        "claims_supported": ["iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "email", "groups"],
        "authorization_response_iss_parameter_supported": True,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
        "claims_parameter_supported": False,
    }
