"""Kubernetes manifests and what ``kubectl get`` prints: what nodes, load balancers and ingresses will publish."""
