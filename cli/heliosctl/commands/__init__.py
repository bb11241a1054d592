"""The commands, one module each: what they take, and what they say at the end."""
