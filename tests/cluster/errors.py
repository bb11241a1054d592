"""The one error of the test cluster: its message says what to do, and is all that a person sees."""


class ClusterError(Exception):
    """Something on this machine is in the way. Shown without a traceback; the exit code is 1."""
