"""What a job is made of: job.json, where its parts lie in the store, and what is committed of it."""
