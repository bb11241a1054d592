"""The Kubernetes operator; sees resources and their status, never content."""
