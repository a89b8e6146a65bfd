"""Reading what is asked of the API of Kubernetes: requests, bodies, effects, masks. No I/O."""

from vedette.kubernetes.errors import BadRequest
from vedette.kubernetes.request import KubernetesRequest, read_request

__all__ = ["BadRequest", "KubernetesRequest", "read_request"]
