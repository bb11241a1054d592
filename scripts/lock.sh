#!/usr/bin/env bash
# Writes requirements/*.txt: every version pinned, every file hashed, no download address recorded.
# The extras of pyproject.toml are the one source; dev.in and build.in add tools.
# Versions move only with `scripts/lock.sh --upgrade`.
set -euo pipefail
cd "$(dirname "$0")/.."
uv=${UV:-.venv/bin/uv}

compile() { # compile OUTPUT ARGUMENT...
    local output=requirements/$1
    shift
    "$uv" pip compile --quiet --generate-hashes --universal --python-version 3.11 --fork-strategy fewest \
        --no-annotate --no-header --no-emit-package helios-render --output-file "$output" "$@"
    echo "wrote $output"
}

# dev.txt is the largest set, so it settles the versions and the smaller ones follow it.
compile build.txt requirements/build.in "$@"
compile dev.txt pyproject.toml requirements/dev.in --extra worker --extra cli --extra functions --extra operator \
    --extra aws --extra gcp --constraint requirements/build.txt "$@"
compile cli.txt pyproject.toml --extra cli --constraint requirements/dev.txt "$@"
compile image.txt pyproject.toml --extra cli --extra functions --constraint requirements/dev.txt "$@"
compile worker.txt pyproject.toml --extra worker --constraint requirements/dev.txt "$@"
compile operator.txt pyproject.toml --extra operator --extra aws --extra gcp --constraint requirements/dev.txt "$@"
