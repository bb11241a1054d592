"""Access to the API server: client, reflector, resync, leader election, and the work queue."""
