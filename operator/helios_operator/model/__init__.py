"""The data that all other packages share: plain values, no I/O, no Kubernetes types."""
