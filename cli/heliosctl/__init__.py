"""heliosctl, the command line.

`commands` is what a user types, one module per command. `local` drives renders from this machine. `arguments` turns the
command line into checked values, and `terminal` shows progress, results and errors.
"""
