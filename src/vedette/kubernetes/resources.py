"""What Kubernetes itself serves: groups, resources, their scope and subresources.

Source: Kubernetes API reference, 1.20 to 1.36. What is not here is not known.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Known:
    namespaced: bool
    subresources: frozenset[str] = frozenset()


_IN_NAMESPACES: Mapping[str, str] = {
    "": "bindings configmaps endpoints events limitranges persistentvolumeclaims:status "
    "pods:attach,binding,ephemeralcontainers,eviction,exec,log,portforward,proxy,resize,status podtemplates "
    "replicationcontrollers:scale,status resourcequotas:status secrets serviceaccounts:token "
    "services:proxy,status",
    "apps": "controllerrevisions daemonsets:status deployments:rollback,scale,status "
    "replicasets:scale,status statefulsets:scale,status",
    "authorization.k8s.io": "localsubjectaccessreviews",
    "autoscaling": "horizontalpodautoscalers:status",
    "batch": "cronjobs:status jobs:status",
    "certificates.k8s.io": "podcertificaterequests:status",
    "coordination.k8s.io": "leases leasecandidates",
    "discovery.k8s.io": "endpointslices",
    "events.k8s.io": "events",
    "extensions": "daemonsets:status deployments:rollback,scale,status ingresses:status networkpolicies "
    "replicasets:scale,status replicationcontrollers:scale",
    "metrics.k8s.io": "pods",
    "networking.k8s.io": "ingresses:status networkpolicies:status",
    "policy": "poddisruptionbudgets:status",
    "rbac.authorization.k8s.io": "rolebindings roles",
    "resource.k8s.io": "resourceclaims:binding,status resourceclaimtemplates",
    "scheduling.k8s.io": "podgroups:status workloads:status",
    "storage.k8s.io": "csistoragecapacities",
}
_ABOVE_NAMESPACES: Mapping[str, str] = {
    "": "componentstatuses namespaces:finalize,status nodes:proxy,status persistentvolumes:status",
    "admissionregistration.k8s.io": "mutatingadmissionpolicies mutatingadmissionpolicybindings "
    "mutatingwebhookconfigurations validatingadmissionpolicies:status validatingadmissionpolicybindings "
    "validatingwebhookconfigurations",
    "apiextensions.k8s.io": "customresourcedefinitions:status",
    "apiregistration.k8s.io": "apiservices:status",
    "authentication.k8s.io": "selfsubjectreviews tokenreviews",
    "authorization.k8s.io": "selfsubjectaccessreviews selfsubjectrulesreviews subjectaccessreviews",
    "certificates.k8s.io": "certificatesigningrequests:approval,status clustertrustbundles",
    "extensions": "podsecuritypolicies",
    "flowcontrol.apiserver.k8s.io": "flowschemas:status prioritylevelconfigurations:status",
    "internal.apiserver.k8s.io": "storageversions:status",
    "metrics.k8s.io": "nodes",
    "networking.k8s.io": "ingressclasses ipaddresses servicecidrs:status",
    "node.k8s.io": "runtimeclasses",
    "policy": "podsecuritypolicies",
    "rbac.authorization.k8s.io": "clusterrolebindings clusterroles",
    "resource.k8s.io": "deviceclasses devicetaintrules:status resourceslices",
    "scheduling.k8s.io": "priorityclasses",
    "storage.k8s.io": "csidrivers csinodes storageclasses volumeattachments:status volumeattributesclasses",
    "storagemigration.k8s.io": "storageversionmigrations:status",
}


def _table() -> dict[tuple[str, str], Known]:
    found: dict[tuple[str, str], Known] = {}
    for namespaced, groups in ((True, _IN_NAMESPACES), (False, _ABOVE_NAMESPACES)):
        for group, words in groups.items():
            for word in words.split():
                name, _, subresources = word.partition(":")
                found[group, name] = Known(namespaced, frozenset(filter(None, subresources.split(","))))
    return found


KNOWN: Mapping[tuple[str, str], Known] = _table()
GROUPS = frozenset(group for group, _ in KNOWN)


def scalable(group: str, resource: str) -> bool:
    known = KNOWN.get((group, resource))
    return known is not None and "scale" in known.subresources
