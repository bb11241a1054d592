"""Unpaired surrogates: strings of JavaScript and file names may hold them, UTF-8 cannot."""

from typing import Any


def without_surrogates(value: Any) -> Any:
    """A JSON value with a question mark for each unpaired surrogate, so that it can be written.

    >>> without_surrogates({"error": ["a page said " + chr(0xD800)]})
    {'error': ['a page said ?']}
    """
    match value:
        case str():
            return value.encode(errors="replace").decode()
        case list() | tuple():
            return [without_surrogates(each) for each in value]
        case dict():
            return {without_surrogates(name): without_surrogates(each) for name, each in value.items()}
    return value
