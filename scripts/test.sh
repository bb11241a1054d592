#!/usr/bin/env bash
# Runs every test. Those on the real node come first and alone: they time what a kubelet does. The operator's, which
# mostly wait for a control plane, run beside all others, which wait for browsers and so are shared out.
#
#     scripts/test.sh PYTHON CLUSTER_ARGUMENTS PYTEST_ARGUMENT...
set -uo pipefail
set -m # or what runs in the background would not hear SIGINT
cd "$(dirname "$0")/.."
python=$1 cluster_arguments=$2
shift 2
log=.cache/operator-tests.log
mkdir -p .cache

# shellcheck disable=SC2086 # none or one
"$python" -m pytest tests/e2e $cluster_arguments "$@"
node=$?

"$python" -m pytest tests/integration/operator "$@" >"$log" 2>&1 &
running=$!
trap 'kill -INT $running 2>/dev/null; wait $running' INT TERM
"$python" -m pytest tests/unit tests/integration --ignore=tests/integration/operator \
    --numprocesses=auto --maxprocesses=4 --dist=worksteal "$@"
others=$?
wait $running
operator=$?
cat "$log"

# 5: PYTEST_ARGUMENT left none of them.
[[ $node == [05] && $others == [05] && $operator == [05] ]]
