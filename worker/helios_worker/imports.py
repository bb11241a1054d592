"""Imports that are made while something else is waited for."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import import_module


@asynccontextmanager
async def importing(*modules: str) -> AsyncIterator[None]:
    """Imports modules in a thread while the block waits for others."""

    def import_all() -> None:
        for module in modules:
            import_module(module)

    imports = asyncio.ensure_future(asyncio.to_thread(import_all))
    try:
        yield
    finally:
        await imports
