"""What was read off the body of a request: the facts that policy goes by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BodyFacts:
    """
    All that was read off one body. *reason* says why it could not be read; then nothing else counts.

    *name* and *generated* are the metadata's name, or the beginning of a name that the server makes up.
    *images* are all container images. *privileged*: a container that the kernel's walls do not hold
    (privileged, Unmasked /proc, host processes, Unconfined seccomp or AppArmor). *capabilities* are those
    added, without ``CAP_``; *host_paths* the node's folders that are mounted; *host_namespaces* of network,
    pid and ipc. *service_accounts* are those that pods run as; *secrets* the Secrets that pods, service
    accounts or others take in, by name.

    *grants* are what roles permit, as ``verb resource.group`` (``*`` for all); *binds* the roles bound, as
    ``ClusterRole/admin``; *subjects* to whom, as ``Group/ops``. *escalates*: it gives more than plain access
    to plain objects, so that whoever has it may take the rest.

    *replicas* is how many are asked for, -1 where nothing says so; *stops*: no copy is to run any more.
    *drains*: a node is to take no pods, or to lose those it has. *removes_finalizers*: something that other
    programs wait for is taken away. *signer* is whose certificate is asked for. *dry_run*: the body says
    that nothing is to be kept. *loosens*: what pods of a namespace are kept from (its labels of pod
    security) changes. *fields* are the top fields that a patch changes. *masked*: it holds what the gateway
    put in the place of a hidden value.
    """

    reason: str = ""
    name: str = ""
    generated: str = ""
    images: tuple[str, ...] = ()
    privileged: bool = False
    capabilities: tuple[str, ...] = ()
    host_paths: tuple[str, ...] = ()
    host_namespaces: tuple[str, ...] = ()
    service_accounts: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    grants: tuple[str, ...] = ()
    binds: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ()
    escalates: bool = False
    replicas: int = -1
    stops: bool = False
    drains: bool = False
    removes_finalizers: bool = False
    signer: str = ""
    dry_run: bool | None = None
    loosens: bool = False
    fields: tuple[str, ...] = ()
    masked: bool = False

    def for_policy(self) -> Mapping[str, object]:
        """What conditions may ask about, under ``kubernetes`` with what the request itself says."""
        return {
            "images": list(self.images),
            "privileged": self.privileged,
            "capabilities": list(self.capabilities),
            "host_paths": list(self.host_paths),
            "host_namespaces": list(self.host_namespaces),
            "service_accounts": list(self.service_accounts),
            "secrets": list(self.secrets),
            "grants": list(self.grants),
            "binds": list(self.binds),
            "subjects": list(self.subjects),
            "escalates": self.escalates,
            "replicas": self.replicas,
            "stops": self.stops,
            "drains": self.drains,
            "removes_finalizers": self.removes_finalizers,
            "signer": self.signer,
            "loosens": self.loosens,
            "fields": list(self.fields),
        }


NOTHING = BodyFacts()


def unknown(reason: str) -> BodyFacts:
    return BodyFacts(reason=reason)
