"""Kubernetes: requests to clusters, each judged before it is sent. docs/kubernetes.md is the reference."""
