"""Where stages run: one adapter for each kind of execution target, all with the same payload and reply."""

from helios_adapters.base import CloudAdapter, Deployment
from helios_adapters.local import LocalAdapter, LocalConfig

__all__ = ["CloudAdapter", "Deployment", "LocalAdapter", "LocalConfig"]
