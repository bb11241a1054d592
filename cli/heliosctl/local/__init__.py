"""A render driven from this machine: the driver, its workers and targets, its jobs and their lock."""
