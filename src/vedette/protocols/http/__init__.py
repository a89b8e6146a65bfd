"""HTTP/1.1, read strictly and written anew: what Kubernetes and others stand on."""
