"""Kubernetes objects as data: what a start of an attempt looks like to the API server."""
