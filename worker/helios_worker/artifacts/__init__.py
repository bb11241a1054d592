"""The artifact store and what lies in it: blobs, snapshots, recordings; its errors, limits and credentials."""
