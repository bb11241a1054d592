"""One module per command: its options, the call that does the work, and the result it prints."""
