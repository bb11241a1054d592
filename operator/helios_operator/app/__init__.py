"""The program: kopf's handlers, what feeds the controller, logs."""
