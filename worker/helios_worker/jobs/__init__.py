"""Jobs: job.json, the keys of its parts in the store, and which of its chunks are committed."""
