"""From the API server's objects to the observation that a decision is made from."""
