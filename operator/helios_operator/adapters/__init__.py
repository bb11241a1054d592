"""Where stages run: one adapter for each kind of execution target, all with the same payload and reply."""

from helios_operator.adapters.base import CloudAdapter, Deployment
from helios_operator.adapters.local import LocalAdapter, LocalConfig

__all__ = ["CloudAdapter", "Deployment", "LocalAdapter", "LocalConfig"]
