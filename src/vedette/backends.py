"""From a resource's settings to what its engine works with."""

from __future__ import annotations

from collections.abc import Mapping

from vedette.config import Limits, Record, ResourceSettings
from vedette.credentials import CredentialError, Secrets
from vedette.identity.certificates import CertificateError
from vedette.identity.tls import upstream_context
from vedette.masking.prose import hide
from vedette.masking.tally import Tally
from vedette.model import Action, MaskRule
from vedette.protocols.postgres.catalogue import CatalogueKeeper, load
from vedette.protocols.postgres.dial import Target, Upstream, dial
from vedette.protocols.postgres.engine import Backend
from vedette.protocols.postgres.login_upstream import Account, UpstreamRefused
from vedette.protocols.postgres.messages import PROTOCOL_3_0
from vedette.protocols.postgres.session import Bounds
from vedette.sql.catalog import Catalog
from vedette.sql.shape import shape
from vedette.trail.judgements import Keep, Parameters

# Of a masked result, this much is kept in the record.
SAMPLE_BYTES = 16 << 10


def postgres_backend(settings: ResourceSettings, logins: Secrets, limits: Limits, key: bytes) -> Backend:
    """A PostgreSQL resource, ready to be dialled."""

    async def connect(caller: Mapping[str, str], version: int) -> Upstream:
        try:
            login = await logins.login(settings.login)
            context = upstream_context(
                settings.upstream.tls, settings.upstream.ca, login.certificate, login.key
            )
        except (CredentialError, CertificateError) as problem:
            raise UpstreamRefused(
                "upstream.credential", "the gateway's own login is not available", detail=str(problem)
            ) from None
        up = settings.upstream
        target = Target(up.host, up.port, context, up.direct)
        account = Account(
            login.user, up.database, login.password, settings.login.auth, settings.login.channel_binding
        )
        return await dial(target, account, settings={**settings.startup, **caller}, version=version)

    async def read(version: int, previous: Catalog) -> Catalog:
        return await load(lambda: connect({}, PROTOCOL_3_0), version=version, previous=previous)

    return Backend(
        settings.resource,
        connect,
        CatalogueKeeper(read),
        keep(settings.record, key),
        Bounds(limits.statement, limits.value, SAMPLE_BYTES if settings.record.results == "masked" else 0),
        settings.max_sessions,
    )


def as_shown(action: Action, masks: tuple[MaskRule, ...], key: bytes) -> tuple[str, tuple[str | None, ...]]:
    """What approvers see: effects and objects in full, values that a mask covers hidden.

    An approval is bound to the exact text all the same, by its digest.
    """
    if not masks:
        return action.text, action.parameters
    tally = Tally()
    parameters = tuple(v if v is None else hide(v, masks, key, tally) for v in action.parameters)
    return hide(action.text, masks, key, tally), parameters


def keep(record: Record, key: bytes) -> Keep:
    """What of an action is written down, by the resource's ``record:``; *key* is for keyed masks."""

    def text(said: str, masks: tuple[MaskRule, ...]) -> str:
        if record.statements != "full":
            return shape(said) or ""
        return hide(said, masks, key, Tally()) if masks else said

    def parameters(values: Parameters, masks: tuple[MaskRule, ...]) -> Parameters | None:
        if record.parameters == "none":
            return None
        if record.parameters == "full" or not masks or not values:
            return values
        tally = Tally()
        return tuple(v if v is None else hide(v, masks, key, tally) for v in values)

    def as_said(masks: tuple[MaskRule, ...]) -> bool:
        whole = record.statements == "full" and record.parameters != "none"
        return whole and not any(rule.entities for rule in masks)

    return Keep(text, parameters, as_said)
