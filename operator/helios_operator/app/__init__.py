"""The program: kopf's handlers, the sources of events for the controller, logs."""
