"""Kubernetes objects as data: the Job of an attempt and its inputs."""
