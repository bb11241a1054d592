#!/usr/bin/env bash
# Makes sure that the tests of buckets have an Azure server: Azurite, from npm.
#
#   scripts/azure-server.sh          installs it if need be, outside the checkout (half a minute, once per version)
#   scripts/azure-server.sh path     prints where it is; exit code 1 where it is not
#
# Without npm, or without the network, nothing is installed and the tests that need it are skipped: exit code 0 all the
# same. Says nothing when there is nothing to do.
set -euo pipefail

packages=$(cd "$(dirname "$0")/../tests/clouds/azurite" && pwd)
version=$(sed -n 's/.*"azurite": "\(.*\)".*/\1/p' "$packages/package.json")
folder=${XDG_CACHE_HOME:-$HOME/.cache}/helios/bin/azurite-$version
program=$folder/node_modules/.bin/azurite-blob

if [[ ${1:-} == path ]]; then
    [[ -x $program ]] || exit 1
    printf '%s\n' "$program"
    exit 0
fi

[[ -x $program ]] && exit 0

say() { printf '%s\n' "$*" >&2; }

if ! command -v npm >/dev/null; then
    say "There is no npm here to install the Azure server of the tests with: its tests will be skipped."
    exit 0
fi

say "Installing azurite $version, an Azure server for the tests, into $folder"
mkdir -p "${folder%/*}"
build=$(mktemp -d "${folder%/*}/azurite-build-XXXXXX")
trap 'rm -rf "$build"' EXIT
cp "$packages/package.json" "$packages/package-lock.json" "$packages/../../.npmrc" "$build"
if ! (cd "$build" && npm ci --ignore-scripts --silent >log 2>&1); then
    tail -n 5 "$build/log" >&2
    say "It could not be installed: tests of Azure will be skipped."
    exit 0
fi
rm -rf "$folder"
mv "$build" "$folder" # in one step: an installation that was stopped leaves nothing that looks whole
