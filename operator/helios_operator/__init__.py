"""The Kubernetes operator. It handles resources and their status, and never a page, a frame or a film."""
