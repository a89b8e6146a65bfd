"""A caller at the door: from an accepted socket to somebody who has proven who it is."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

import asyncssh

from vedette.identity.errors import IdentityError
from vedette.protocols.ssh.devices import DEVICE_SECONDS, Devices, Waiting
from vedette.protocols.ssh.door import Caller, Claim, Door, Refused
from vedette.protocols.ssh.entrance import Entrance
from vedette.protocols.ssh.forwards import Forwards
from vedette.protocols.ssh.words import line

log = logging.getLogger(__name__)

#: Proofs that may fail on one connection, and keys that may be offered without one.
MAX_PROOFS = 6
MAX_OFFERS = 40
MAX_CLAIM_CHARACTERS = 200

#: Name, instruction, language, and prompts with whether what is typed is shown (RFC 4256 section 3.2).
Challenge = tuple[str, str, str, list[tuple[str, bool]]]


class Doorman(asyncssh.SSHServer):
    """
    One connection's login, and after it whoever is asked for channels (*rooms*).

    *login* is done when the caller is in, or the connection is over before that (None).
    """

    def __init__(self, door: Door, rooms: Rooms, refused: Callable[[Refused], None]) -> None:
        self.login: asyncio.Future[Caller | None] = asyncio.get_running_loop().create_future()
        self.moment = 0
        #: Gives the login so many seconds more, from now on.
        self.patience: Callable[[float], None] = lambda seconds: None
        self.connection: Entrance | None = None
        self._door = door
        self._rooms = rooms
        self._refused = refused
        self._proven: Caller | None = None
        self._proofs = 0
        self._offers = 0
        self._waiting: Waiting | None = None
        self._sent_off = False
        self._peer = ""
        self._closing: asyncio.Task[None] | None = None

    # --- the connection ------------------------------------------------------------------------

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self.connection = conn if isinstance(conn, Entrance) else None
        name = conn.get_extra_info("peername")
        self._peer = str(name[0]) if isinstance(name, tuple) and name else ""

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.login.done():
            self.login.set_result(None)
        if self._waiting is not None:
            self._closing = asyncio.create_task(self._close(self._waiting))
            self._waiting = None
        self._rooms.lost(exc)

    def begin_auth(self, username: str) -> bool:
        return True

    def auth_completed(self) -> None:
        assert self.connection is not None  # noqa: S101  (connection_made came before)
        user = self.connection.get_extra_info("username")
        if self._proven is None or self._proven.user != user:
            # The last proof that was good is for another name than the one that was let in.
            self.connection.disconnect(asyncssh.DISC_PROTOCOL_ERROR, "vedette: not proven")
            return
        if not self.login.done():
            self.login.set_result(self._proven)

    # --- ways to prove it ------------------------------------------------------------------------

    def public_key_auth_supported(self) -> bool:
        return True

    def password_auth_supported(self) -> bool:
        return True

    def kbdint_auth_supported(self) -> bool:
        return True

    def get_kbdint_challenge(
        self, username: str, lang: str, submethods: str
    ) -> tuple[str, str, str, list[tuple[str, bool]]]:
        other = ", or Enter to sign in with a browser" if self._door.devices is not None else ""
        return "", "", "", [(f"Vedette token{other}: ", False)]

    async def validate_kbdint_response(self, username: str, responses: Sequence[str]) -> bool | Challenge:
        if self._waiting is not None:
            return not responses and await self._by_device(username)
        if len(responses) != 1:
            return False
        if not responses[0] and self._door.devices is not None and not self._sent_off:
            return await self._send_off(username, self._door.devices)
        return await self._by_token(username, responses[0], "keyboard-interactive")

    async def _send_off(self, user: str, devices: Devices) -> bool | Challenge:
        """Show a code and where to take it; once on one connection."""
        self._sent_off = True
        claim = self._begin(user)
        if claim is None:
            return False
        if not self._door.room.enter(self._peer):
            reason = "too many people are signing in like this; try later"
            self._tell(Refused("login.crowded", reason, user, claim.resource))
            return False
        try:
            waiting = await devices.begin(self._peer)
        except BaseException as no:
            self._door.room.leave(self._peer)
            if isinstance(no, IdentityError):
                return self._fail(user, claim, no)
            raise
        self._waiting = waiting
        self.patience(DEVICE_SECONDS)
        place = "".join(char for char in waiting.url if char.isprintable())
        code = "".join(char for char in waiting.code if char.isprintable())
        said = f"Open {place} in a browser, and compare the code there: {code}\n"
        # Nothing is asked (RFC 4256 section 3.4): clients answer at once, and then wait for us.
        return "", said, "", []

    async def _by_device(self, user: str) -> bool:
        """The person has been shown the code: wait for them."""
        waiting, self._waiting = self._waiting, None
        assert waiting is not None  # noqa: S101
        claim = self._door.claim(user)
        try:
            async with asyncio.timeout(DEVICE_SECONDS):
                token = await waiting.finish()
        except TimeoutError:
            late = IdentityError("identity.device", "nobody used the code in time")
            return claim is not None and self._fail(user, claim, late)
        except IdentityError as no:
            return claim is not None and self._fail(user, claim, no)
        finally:
            await self._close(waiting)
        return await self._by_token(user, token, "device")

    async def _close(self, waiting: Waiting) -> None:
        self._door.room.leave(self._peer)
        await waiting.close()

    async def validate_password(self, username: str, password: str) -> bool:
        return await self._by_token(username, password, "password")

    async def _by_token(self, user: str, token: str, by: str) -> bool:
        self.moment = self._door.moment()
        claim = self._begin(user)
        if claim is None:
            return False
        try:
            principal = await self._door.identity.by_token(token)
        except IdentityError as no:
            return self._fail(user, claim, no)
        self._proven = Caller(principal, claim, user, by)
        return True

    async def key(self, user: str, blob: bytes, *, proof: bool) -> Caller | None:
        """Whom this key or certificate would let in, if the caller can prove that it has its private key."""
        self.moment = self._door.moment()
        if not proof:
            self._offers += 1
            if self._offers > MAX_OFFERS:
                self._too_many()
                return None
        claim = self._begin(user) if proof else self._door.claim(user)
        if claim is None:
            return None
        try:
            if _is_certificate(blob):
                principal = self._door.authority.principal(blob, self._door.clock())
                return Caller(principal, claim, user, "certificate")
            found = await self._door.identity.by_ssh_key(_fingerprint(blob))
            return Caller(found, claim, user, "key") if found is not None else None
        except IdentityError as no:
            if no.code != "identity.malformed":
                # Others' certificates and plain keys are offered by every client that has some.
                self._fail(user, claim, no)
            return None

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        """`Entrance` has asked `key` about this one by now, and only comes here where it is registered."""
        return True

    def proven(self, caller: Caller) -> None:
        """The caller has signed with the key, or with that of the certificate."""
        self._proven = caller
        if caller.by == "key":
            self._door.identity.note(caller.principal)

    # --- refusals -------------------------------------------------------------------------------

    def _begin(self, user: str) -> Claim | None:
        self._proofs += 1
        if self._proofs > MAX_PROOFS:
            self._too_many()
            return None
        claim = self._door.claim(user)
        if claim is None:
            reason = "the user name has to be the name of a resource, or login%resource"
            self._tell(Refused("login.resource", reason, user[:MAX_CLAIM_CHARACTERS]))
        return claim

    def _fail(self, user: str, claim: Claim, no: IdentityError) -> bool:
        self._tell(Refused(no.code, no.reason, user, claim.resource))
        return False

    def _too_many(self) -> None:
        if self.connection is not None:
            self.connection.disconnect(
                asyncssh.DISC_NO_MORE_AUTH_METHODS_AVAILABLE, "vedette: too many tries [login.tries]"
            )

    def _tell(self, refused: Refused) -> None:
        self._refused(refused)
        if self.connection is not None:
            self.connection.send_auth_banner(line(f"{refused.reason} [{refused.code}]").decode())

    # --- what a caller asks for once it is in ---------------------------------------------------------

    def session_requested(self) -> tuple[asyncssh.SSHServerChannel[bytes], asyncssh.SSHServerSession[bytes]]:
        assert self.connection is not None  # noqa: S101
        return self._rooms.session(self.connection)

    def connection_requested(
        self, dest_host: str, dest_port: int, orig_host: str, orig_port: int
    ) -> Awaitable[asyncssh.SSHTCPSession[bytes]]:
        return self._rooms.forwards.to_place(dest_host, dest_port)

    def unix_connection_requested(self, dest_path: str) -> Awaitable[asyncssh.SSHUNIXSession[bytes]]:
        return self._rooms.forwards.to_socket(dest_path)

    def server_requested(self, listen_host: str, listen_port: int) -> Awaitable[asyncssh.SSHListener | bool]:
        assert self.connection is not None  # noqa: S101
        return self._rooms.forwards.listen(self.connection, listen_host, listen_port)

    def unix_server_requested(self, listen_path: str) -> bool:
        self._rooms.refused("listen", f"unix:{listen_path}")
        return False


def _is_certificate(blob: bytes) -> bool:
    """By its kind, which stands first (RFC 4253 section 6.6; OpenSSH, PROTOCOL.certkeys)."""
    return b"-cert-v" in blob[4 : 4 + int.from_bytes(blob[:4], "big")]


def _fingerprint(blob: bytes) -> str:
    """As ``ssh-keygen -l`` prints it."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode("ascii").rstrip("=")


class Rooms(Protocol):
    """Whoever answers what a caller asks for once it is in."""

    def session(
        self, conn: asyncssh.SSHServerConnection
    ) -> tuple[asyncssh.SSHServerChannel[bytes], asyncssh.SSHServerSession[bytes]]: ...
    @property
    def forwards(self) -> Forwards: ...
    def refused(self, kind: str, text: str) -> asyncssh.ChannelOpenError:
        """Put it on record; what to answer a channel with."""

    def lost(self, exc: Exception | None) -> None: ...
