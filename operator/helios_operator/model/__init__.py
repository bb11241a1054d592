"""What everything else speaks of, as plain data: no I/O, no Kubernetes types."""
