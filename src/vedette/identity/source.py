"""From what a caller shows to who it is."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

from vedette.identity.cache import TokenCache, digest
from vedette.identity.client_certificates import ClientCertificates
from vedette.identity.compact import MAX_TOKEN_BYTES, Compact, read
from vedette.identity.errors import IdentityError, malformed
from vedette.identity.keys import SCHEME, KeyRecord, KeyStore, find, prefix_of, wrong_key
from vedette.identity.oidc import Issuers
from vedette.identity.tokens import Tokens
from vedette.model import Principal


class Identity:
    """Every way to be somebody here: gateway tokens, OIDC tokens, API keys, SSH keys, client certificates.

    The evidence's own form decides which one is asked, and only that one: a
    token's ``iss`` by exact comparison, an API key by its ``vdt_``. *clock* is
    Unix time in seconds; *is_revoked* answers for a principal's credential, *refuse* raises
    IdentityError for who is blocked;
    *used* is told the prefix of a key that was proven, and does not wait.

    Raises ValueError where an OIDC issuer has the gateway's own name.
    """

    def __init__(
        self,
        tokens: Tokens,
        issuers: Issuers,
        keys: KeyStore,
        *,
        is_revoked: Callable[[str], bool] = lambda _: False,
        refuse: Callable[[Principal], None] = lambda _: None,
        clock: Callable[[], float] = time.time,
        cache_limit: int = 10_000,
        certificates: ClientCertificates | None = None,
        used: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._tokens = tokens
        self._keys = keys
        self._is_revoked = is_revoked
        self._refuse = refuse
        self._used = used
        self._clock = clock
        self._cache = TokenCache(is_revoked, limit=cache_limit)
        self._certificates = certificates if certificates is not None else ClientCertificates(())
        self.use(issuers)

    def use(self, issuers: Issuers) -> None:
        """Trust *issuers* and no others from here on; everybody is proven anew.

        Raises ValueError where one of them has the gateway's own name.
        """
        if self._tokens.issuer in issuers:
            raise ValueError(
                f"{self._tokens.issuer} is the gateway's own issuer and cannot be configured as another"
            )
        self._issuers = issuers
        self._cache.clear()

    def trusts(self, principal: Principal) -> bool:
        """Whether who once proved to be *principal* still may: its issuer is known, its evidence not void."""
        issuer = principal.issuer
        known = issuer == self._tokens.issuer or issuer in self._issuers or issuer in self._certificates
        return known and not self._is_void(principal.credential)

    async def by_token(self, text: str) -> Principal:
        """Who *text* (a gateway token, an OIDC token or an API key) speaks for, now.

        Raises:
            IdentityError: it proves nobody; the text is for the caller to read.
        """
        if len(text) > MAX_TOKEN_BYTES:
            raise malformed(f"the token is over {MAX_TOKEN_BYTES} bytes")
        if text.startswith(SCHEME):
            return await self._by_key(text)
        entry, now = digest(text), self._clock()
        principal = self._cache.get(entry, now)
        if principal is None:
            compact = read(text)
            if compact.issuer == self._tokens.issuer:
                principal = self._tokens.verify_compact(compact, now)
            else:
                principal = await self._by_issuer(compact, now)
            self._refuse_revoked(principal)
            self._cache.put(entry, principal, now)
        self._refuse(principal)
        return principal

    def by_certificate(self, chain: Sequence[bytes]) -> Principal | None:
        """Who a verified *chain* (DER, the caller's own first) speaks for, now; None where it is no login.

        Raises:
            IdentityError: it comes from an authority of callers, and proves nobody.
        """
        principal = self._certificates.principal(chain, self._clock())
        if principal is not None:
            self._refuse_revoked(principal)
            self._refuse(principal)
        return principal

    async def by_ssh_key(self, fingerprint: str) -> Principal | None:
        """
        Who a registered public SSH key speaks for, now; None where it is not registered.

        That the caller has its private key is for whoever calls this to see to, and before it acts on
        the answer; then it says so (`note`).

        Raises:
            IdentityError: it was withdrawn, its time is over, its owner is shut out, or the store fails.
        """
        try:
            record = await self._keys.by_ssh(fingerprint)
        except Exception as error:
            raise IdentityError("identity.unavailable", "SSH keys cannot be looked up now") from error
        if record is None:
            return None
        record.check(self._clock())
        principal = record.principal(self._tokens.issuer)
        self._refuse_revoked(principal)
        self._refuse(principal)
        return principal

    def note(self, principal: Principal) -> None:
        """The key that is *principal*'s credential was proven elsewhere, just now."""
        self._used(principal.credential)

    async def _by_issuer(self, compact: Compact, now: float) -> Principal:
        while True:
            asked = self._issuers
            principal = await asked.verify_compact(compact, now)
            if asked is self._issuers:  # nobody else is trusted since
                return principal

    def _is_void(self, credential: str) -> bool:
        return self._is_revoked(credential) or credential in self._certificates.withdrawn

    def _refuse_revoked(self, principal: Principal) -> None:
        if self._is_revoked(principal.credential):
            raise IdentityError("identity.revoked", "the token or key was withdrawn; get a new one")

    async def _by_key(self, text: str) -> Principal:
        prefix = prefix_of(text)
        record = await self.key_for(prefix) if prefix is not None else None
        if record is None:
            raise wrong_key()
        now = self._clock()
        # The verifier is part of the entry: a key made anew under its prefix is another key.
        entry = digest(text, record.verifier.stored_key)
        proven = self._cache.get(entry, now) is not None
        # Off the loop: a millisecond each, and whoever knows a prefix can ask for many.
        if not proven and not await asyncio.to_thread(record.verifier.matches, text):
            raise wrong_key()
        record.check(now)
        principal = record.principal(self._tokens.issuer)
        self._refuse_revoked(principal)
        self._refuse(principal)
        self._used(record.prefix)
        if not proven:
            self._cache.put(entry, principal, now)
        return principal

    def forget(self) -> None:
        """Prove everybody anew."""
        self._cache.clear()

    async def recheck(self, principal: Principal) -> Principal | None:
        """Who *principal*'s credential speaks for by now; None where it no longer stands.

        That its time is over is no matter: expiry alone never cuts live work. Nothing is left
        to ask another issuer with (tokens are verified and dropped), so its word holds.

        Raises:
            IdentityError: ``identity.unavailable`` where this cannot be found out now.
        """
        if not self.trusts(principal):
            return None
        if principal.issuer != self._tokens.issuer or not principal.credential.startswith(SCHEME):
            return principal
        record = await self.key_for(principal.credential)
        return None if record is None or record.revoked else record.principal(self._tokens.issuer)

    async def key_for(self, user: str) -> KeyRecord | None:
        """The API key whose name or prefix is *user*, for a SCRAM login.

        The caller checks the proof, then calls ``record.check(now)``.

        Raises:
            IdentityError: ``identity.unavailable`` where the store fails.
        """
        try:
            return await find(self._keys, user)
        except Exception as error:
            # Whatever the store fails with, the answer is a refusal.
            raise IdentityError("identity.unavailable", "API keys cannot be looked up now") from error
