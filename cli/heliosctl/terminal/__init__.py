"""Everything shown in a terminal: progress, results, errors, charts; and how Ctrl-C ends a command."""
