"""Pure decisions: an observation in, a decision out. No I/O, no clock."""
