"""Whether a key made a signature. The mathematics is joserfc's; the choice of key and method is ours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

from vedette.identity.compact import Compact
from vedette.identity.errors import IdentityError

VerifyKey = RSAKey | ECKey | OKPKey


@dataclass(frozen=True, slots=True)
class Method:
    """What an algorithm needs of its key: the JWK type, and the curve where there is one."""

    type: str
    curve: str | None = None


#: Everything that can be permitted for an issuer. Neither ``none`` nor any HMAC
#: is here, so no setting can bring them in. Source: RFC 7518, RFC 8037, RFC 9864.
ALGORITHMS: Final[Mapping[str, Method]] = {
    "RS256": Method("RSA"),
    "RS384": Method("RSA"),
    "RS512": Method("RSA"),
    "PS256": Method("RSA"),
    "PS384": Method("RSA"),
    "PS512": Method("RSA"),
    "ES256": Method("EC", "P-256"),
    "ES384": Method("EC", "P-384"),
    "ES512": Method("EC", "P-521"),
    "EdDSA": Method("OKP", "Ed25519"),
    "Ed25519": Method("OKP", "Ed25519"),
}


def suits(key: VerifyKey, algorithm: str) -> bool:
    """Whether *key* is of the type, and on the curve, that *algorithm* is made with."""
    method = ALGORITHMS[algorithm]
    if key.key_type != method.type:
        return False
    return method.curve is None or (isinstance(key, ECKey | OKPKey) and key.curve_name == method.curve)


def made_by(compact: Compact, algorithm: str, key: VerifyKey) -> bool:
    """Whether *key* signed *compact* with *algorithm* (one of ALGORITHMS).

    The algorithm's model is called straight: joserfc's own compact reader is
    looser than ours, and warns at each use of EdDSA under its older name.
    """
    if not suits(key, algorithm):
        return False
    try:
        return JWSRegistry.algorithms[algorithm].verify(compact.signed, compact.signature, key)
    except (JoseError, ValueError, TypeError):
        return False


def wrong_signature() -> IdentityError:
    """One text for a missing key and a wrong signature: the difference helps only a forger."""
    return IdentityError("identity.signature", "no key of the token's issuer made this signature")
