#!/usr/bin/env bash
# One node process on each host, through ssh; Ctrl-C ends the run after its step and a checkpoint.
#   cluster-config/ssh/launch.sh my-run.conf RUN host1 host2 host3
# Each host needs this tree at the same path, and run.directory on a file system that all of them share.
set -euo pipefail

config=$(realpath "$1") run=$2
shift 2
root=$(cd "$(dirname "$0")/../.." && pwd -P)
port=${SPARSEBALANCE_PORT:-25520}
first=$1
control=$(($# < 3 ? $# : 3))
number=0
for host in "$@"; do
  role=worker
  [[ $number -lt $control ]] && role=control,worker
  seed=''
  [[ $number -gt 0 ]] && seed="--seed $first:$port"
  # A terminal of its own: when ssh ends, the node is told.
  ssh -tt "$host" "exec '$root/sparsebalance' node --config '$config' --run '$run' --host '$host' --port $port --role $role $seed \
    --set cluster.worker-nodes=$# --set cluster.control-nodes=$control" </dev/null &
  number=$((number + 1))
done
trap 'kill -INT $(jobs -p) 2>/dev/null || true' INT TERM
status=0
for job in $(jobs -p); do
  wait "$job" || status=$?
done
exit "$status"
