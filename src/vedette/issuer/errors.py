"""How a request to the issuer is refused: the RFCs' codes on the wire, a finer one on record."""

from __future__ import annotations

from typing import Final

#: What may stand in ``error`` on the wire, and its HTTP status. RFC 6749 sections 4.1.2.1 and 5.2, RFC 8628
#: section 3.5, RFC 8693 section 2.2.2, OpenID Connect Core section 3.1.2.6.
STATUS: Final = {
    "invalid_request": 400,
    "invalid_client": 401,
    "invalid_grant": 400,
    "invalid_scope": 400,
    "invalid_target": 400,
    "unsupported_grant_type": 400,
    "unsupported_response_type": 400,
    "access_denied": 400,
    "authorization_pending": 400,
    "slow_down": 400,
    "expired_token": 400,
    "login_required": 400,
    "temporarily_unavailable": 503,
}

#: Every code on record (``login.refused``), and what it means. docs/issuer.md lists them.
CODES: Final = {
    "oauth.request": "a parameter is missing, there twice, or of the wrong form",
    "oauth.client": "no such client or account, or not its secret",
    "oauth.redirect": "the address to return to is not one of the client's",
    "oauth.pkce": "no S256 challenge, or a verifier that does not fit it",
    "oauth.state": "no state, so the answer could not be told from a forged one",
    "oauth.grant_type": "a way to a token that is not offered here",
    "oauth.code": "a code that is none, is over, or was given to another client",
    "oauth.code_replayed": "a code was used twice; the tokens of its first use are void",
    "oauth.refresh": "a refresh token that is none, or is over",
    "oauth.refresh_reused": "a refresh token was used twice; its whole sign-in is void",
    "oauth.device": "a device code that is none, or is over",
    "oauth.device_replayed": "a device code was used twice; the tokens of its first use are void",
    "oauth.declined": "the person said no on the page to sign in",
    "oauth.device_denied": "the person said no to the device",
    "oauth.user_code": "no device waits with this code",
    "oauth.lending": "what was to be lent is not the lender's, or not to that name",
    "oauth.subject_token": "the token to be exchanged proves nobody",
    "oauth.scope": "a scope that is not offered here",
    "oauth.form": "a form that this gateway did not give out, or that comes from another page",
    "oauth.crowded": "more of these wait than are kept",
    "login.password": "no such person, or not their password",
    "login.wait": "too many tries; there is a wait",
    "login.setup": "a set-up link that is none, is over, or was used",
    "identity.blocked": "an administrator shut out whom the token would be for",
    "login.disabled": "the person or account is disabled",
}


class Refusal(Exception):
    """No token. *error* goes onto the wire, *code* on record; *wait* is seconds until another try counts."""

    def __init__(self, error: str, code: str, reason: str, *, status: int = 0, wait: float = 0.0) -> None:
        if error not in STATUS or code not in CODES:
            raise ValueError(f"no such error: {error}, {code}")
        super().__init__(reason)
        self.error, self.code, self.reason, self.wait = error, code, reason, wait
        self.status = status or STATUS[error]
        #: Whether the record has it: a flood of the same is written once.
        self.quiet = False
        #: Which flow it was, where only the way in knows.
        self.how = ""
