"""The API server: a client, a reflector, resyncs, leader election, the work queue."""
