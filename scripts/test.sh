#!/usr/bin/env bash
# Runs every test, in three pools that start together, so that no processor waits for the slowest test of a phase.
#
#   cluster    on a real node, one after the other; it leaves half of the processors idle, for it waits for a kubelet
#   operator   each waits most of its time for a control plane, hence two for each processor
#   all others compute, in browsers and encoders; at the lowest priority they take what the first two leave
#
# What runs at once follows from the machine's processors. The first two begin when the programs of the cluster are
# built, which takes ten minutes where it is to be done. The last pool's output is shown as it comes, that of the
# others at the end.
#
#     scripts/test.sh PYTHON CLUSTER_ARGUMENTS PYTEST_ARGUMENT...
set -uo pipefail
set -m # or what runs in the background would not hear SIGINT
cd "$(dirname "$0")/.."
python=$1 cluster_arguments=$2
shift 2
arguments=("$@")
# Or each of the processes would compile all tests again.
unset PYTHONDONTWRITEBYTECODE
processors=$(nproc)
operator=tests/integration/operator
mkdir -p .cache
running=()
# A pool is a process group of its own.
trap 'kill -INT -- "${running[@]/#/-}" 2>/dev/null; wait "${running[@]}"' INT TERM

# pool PRIORITY PYTEST_ARGUMENT...
pool() {
    nice -n "$1" "$python" -m pytest "${@:2}" "${arguments[@]}"
}

# With programs that are not there yet: the second pool that asks for them waits for the first.
built_pool() {
    [[ $cluster_arguments ]] || "$python" tests/cluster/build --if-able || return
    pool "$@"
}

# shellcheck disable=SC2086 # none or one
built_pool 0 tests/e2e $cluster_arguments >.cache/cluster-tests.log 2>&1 &
running+=($!)
built_pool 5 $operator --numprocesses=$((2 * processors)) --dist=worksteal >.cache/operator-tests.log 2>&1 &
running+=($!)
pool 10 tests/integration tests/unit --ignore=$operator --numprocesses=$((processors + 1)) --dist=worksteal
ended=($?)
for each in "${running[@]}"; do
    wait "$each"
    ended+=($?)
done
cat .cache/cluster-tests.log .cache/operator-tests.log

# 5: PYTEST_ARGUMENT left none of them.
for code in "${ended[@]}"; do
    [[ $code == [05] ]] || exit 1
done
