"""From the API server's objects to what a decision is made of."""
