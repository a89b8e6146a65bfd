"""What ends a command, turned into an exit code and words: in one place, for every command."""

from __future__ import annotations

import re
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from vedette.cli import screen
from vedette.cli.outcome import NO, Failure

# 16 bytes in base64url, as identity makes them, where they look like an option.
_ID = re.compile(r"-[A-Za-z0-9_-]{21}", re.ASCII)


class Commands(TyperGroup):
    """All commands. What none of these names is a fault of ours, and shows its traceback."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except Failure as failure:
            screen.complain(failure.message, failure.fix)
            raise typer.Exit(failure.code) from None
        except Exception as error:
            told = _told(error)
            if told is not None:
                screen.complain(told.message, told.fix)
                raise typer.Exit(told.code) from None
            if not _expected(error):
                raise
            screen.complain(str(error))
            raise typer.Exit(NO) from None


class ById(TyperCommand):
    """A command on a token's id, which is random and may begin with a dash: it is no option all the same."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        ids = [word for word in args if _ID.fullmatch(word)]
        if ids and "--" not in args:
            args = [word for word in args if word not in ids] + ["--", *ids]
        return super().parse_args(ctx, args)


def _told(error: Exception) -> Failure | None:
    """What the client library failed with, as the failure of a command."""
    from vedette.client.errors import ClientError

    if not isinstance(error, ClientError):
        return None
    from vedette.cli.held import exit_code

    return Failure(error.message, error.fix, code=exit_code(error))


def _expected(error: Exception) -> bool:
    """Whether the error's own text is what to tell: it names the place and the fix."""
    from vedette.config import ConfigError
    from vedette.credentials import CredentialError
    from vedette.credentials.keyfile import KeyFileError
    from vedette.identity.certificates import CertificateError
    from vedette.identity.signing import SigningKeyError

    known = (ConfigError, CredentialError, KeyFileError, CertificateError, SigningKeyError, OSError)
    return isinstance(error, known) and not isinstance(error, BrokenPipeError)
