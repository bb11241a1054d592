"""Google Cloud Run: services and jobs."""
