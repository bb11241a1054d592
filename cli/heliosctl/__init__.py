"""The command line: local renders, jobs, diagnosis."""
