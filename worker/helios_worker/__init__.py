"""Everything that touches content: capture, encode, verify, store, and the three stages over them."""
