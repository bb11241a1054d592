"""Work on targets outside of the cluster: connections, invocations, their health and cost."""
