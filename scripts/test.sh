#!/usr/bin/env bash
# Runs every test, in two halves of about the same length.
#
# First those on the real node, in the foreground: they time what a kubelet does and leave half of the processors idle,
# which the test pages have at the lowest priority: they take the most work, and no test of theirs asks what time it is.
# Then the operator's, which mostly wait for a control plane, beside all others, which wait for browsers.
#
#     scripts/test.sh PYTHON CLUSTER_ARGUMENTS PYTEST_ARGUMENT...
set -uo pipefail
set -m # or what runs in the background would not hear SIGINT
cd "$(dirname "$0")/.."
python=$1 cluster_arguments=$2
shift 2
mkdir -p .cache
pages=tests/integration/test_exact_pages.py operator=tests/integration/operator
running=()
trap 'kill -INT "${running[@]}" 2>/dev/null; wait "${running[@]}"' INT TERM

nice -n 19 "$python" -m pytest $pages --numprocesses=2 --dist=worksteal "$@" >.cache/page-tests.log 2>&1 &
running+=($!)
# shellcheck disable=SC2086 # none or one
"$python" -m pytest tests/e2e $cluster_arguments "$@"
ended=($?)

"$python" -m pytest $operator "$@" >.cache/operator-tests.log 2>&1 &
running+=($!)
"$python" -m pytest tests/unit tests/integration --ignore=$pages --ignore=$operator \
    --numprocesses=auto --maxprocesses=4 --dist=worksteal "$@"
ended+=($?)
for each in "${running[@]}"; do
    wait "$each"
    ended+=($?)
done
cat .cache/page-tests.log .cache/operator-tests.log

# 5: PYTEST_ARGUMENT left none of them.
for code in "${ended[@]}"; do
    [[ $code == [05] ]] || exit 1
done
