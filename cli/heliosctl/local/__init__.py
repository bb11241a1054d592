"""Renders driven from this machine: the driver, its workers and targets, the store's jobs and their locks."""
