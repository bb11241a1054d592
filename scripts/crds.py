#!/usr/bin/env python3
"""Writes the CustomResourceDefinitions from the models to the folders named: `make crds`."""

import sys
from pathlib import Path

import yaml

from helios_crds.definitions import definitions

HEADER = "# Generated from helios_crds by `make crds`; changes belong there.\n"


def rendered() -> dict[str, str]:
    """The text of each file, by name."""
    return {
        name: HEADER + yaml.safe_dump(crd, sort_keys=False, allow_unicode=True, width=110)
        for name, crd in definitions().items()
    }


if __name__ == "__main__":
    for folder in sys.argv[1:]:
        for name, text in rendered().items():
            Path(folder, name).write_text(text, encoding="utf-8")
