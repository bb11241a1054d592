"""The artifact store; blobs, snapshots and recordings in it; its errors, limits and credentials."""
