#!/usr/bin/env bash
# Makes sure that the tests of buckets have an S3 server: versitygw, built from its Go module.
#
#   scripts/s3-server.sh          installs it if need be, outside the checkout (a minute or a few, once per version)
#   scripts/s3-server.sh path     prints where it is; exit code 1 where it is not
#
# Without Go, or without the network, nothing is installed and the tests that need it are skipped: exit code 0 all the
# same. Says nothing when there is nothing to do.
set -euo pipefail

version=v1.8.0
folder=${XDG_CACHE_HOME:-$HOME/.cache}/helios/bin/versitygw-$version
program=$folder/versitygw

if [[ ${1:-} == path ]]; then
    [[ -x $program ]] || exit 1
    printf '%s\n' "$program"
    exit 0
fi

[[ -x $program ]] && exit 0

say() { printf '%s\n' "$*" >&2; }

if ! command -v go >/dev/null; then
    say "There is no Go here to build the S3 server of the tests with: tests of buckets will be skipped."
    exit 0
fi

say "Building versitygw $version, an S3 server for the tests, into $folder"
mkdir -p "$folder"
build=$(mktemp -d "$folder/build-XXXXXX")
trap 'rm -rf "$build"' EXIT
if ! GOBIN=$build go install "github.com/versity/versitygw/cmd/versitygw@$version" >"$build/log" 2>&1; then
    tail -n 5 "$build/log" >&2
    say "It could not be built: tests of buckets will be skipped."
    exit 0
fi
mv "$build/versitygw" "$program" # in one step: a build that was stopped leaves nothing that looks whole
