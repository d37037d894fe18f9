#!/usr/bin/env bash
# A night shift from an empty folder, as an operator types it: server, deployment, worker, a cron two
# minutes ahead, two runs at once, three missed nights. docs/transcript.md is what it printed.
#
#     nightshift demo --dir demo                  # leaves its batches in demo/nights
#     bench/night_shift.sh demo/nights EMPTY_FOLDER
#
# Takes about ten minutes; needs nightshift, prefect and mlflow on the PATH, and this repository.
set -euo pipefail

here=$(cd "$(dirname "$0")/.." && pwd)
nights=$(realpath "$1")
mkdir -p "$2" && cd "$2"
mkdir inbox logs
export PREFECT_HOME=$PWD/prefect PREFECT_API_URL=http://127.0.0.1:${PORT:=4231}/api
export PREFECT_SERVER_API_PORT=$PORT PREFECT_SERVER_ANALYTICS_ENABLED=false DO_NOT_TRACK=1
export COLUMNS=110 NO_COLOR=1 NIGHTSHIFT_TRAIN_MINUTES=${NIGHTSHIFT_TRAIN_MINUTES:-1}
ln -s "$here/flows" flows

started=()
cleanup() { for pid in "${started[@]}"; do kill -9 -- "-$pid" 2>/dev/null || true; done; }
trap cleanup EXIT

type_in() { printf '\n$ %s\n' "$*"; eval "$*" 2>&1 | sed -e "s#$PWD#.#g" -e "s#$nights#nights#g" -e 's/ *$//' | cat -s || true; }
say() { printf '\n## %s\n' "$*"; }
start() { printf '\n$ %s &\n' "$1"; setsid bash -c "exec $1" >"logs/$2" 2>&1 & started+=($!); }
wait_for() { timeout 420 bash -c "until grep -qE '$1' 'logs/$2' 2>/dev/null; do sleep 1; done"; }
deliver() { cp -r "nights/$1" "inbox/.$1"; type_in "mv inbox/.$1 inbox/$1"; }
finished() { grep -E "Flow run .* Finished in state" "logs/$1" | sed -E "s/^[0-9:.]+ \| INFO +\| +//; s/ on $(hostname) / on HOST /"; }
runs() { timeout 420 bash -c "until [ \$(grep -cE 'Flow run .* Finished in state' 'logs/$1') -ge $2 ]; do sleep 1; done"; }
schedule() { sed "s#\"0 2 \* \* \*\"#\"$1\"#" "$here/prefect.yaml" > prefect.yaml; }

say "Version 1, a server, two deployments"
ln -s "$nights" nights
type_in nightshift init --corpus nights/first
start "prefect server start" server
wait_for "Check out the dashboard" server
timeout 60 bash -c "until prefect version >/dev/null && curl -sf $PREFECT_API_URL/health >/dev/null; do sleep 1; done"
type_in prefect work-pool create nightshift --type process
schedule "$(date -u -d '+2 minutes' '+%M %H') * * *"
sed -i 's#timezone: Europe/Berlin#timezone: UTC#' prefect.yaml
type_in "grep -A2 'slug: nightly' prefect.yaml"
type_in "prefect --no-prompt deploy --all | grep -E 'Deployment .* successfully created'"

say "A cron two minutes ahead fires, and the night is lived through"
deliver night-1
deliver night-2
start "prefect worker start --pool nightshift" worker-1
type_in nightshift doctor
runs worker-1 1
type_in "grep -E 'Task run|Flow run .* Finished' logs/worker-1 | sed -E 's/^([0-9:]+)[.0-9]* \| INFO +\| +/\1 /'"
type_in prefect artifact ls
type_in nightshift history
type_in "MLFLOW_TRACKING_URI=sqlite:///store/mlflow/mlflow.db mlflow runs list --experiment-id 1 2>/dev/null"

say "Two deployments fire together: one commit for what was pending"
type_in "prefect --no-prompt deploy flows/shift/nightly.py:nightly --name second --pool nightshift --param inbox=inbox | grep successfully"
deliver night-3
type_in "prefect deployment run nightly/nightly >/dev/null & prefect deployment run nightly/second > /dev/null; wait"
runs worker-1 3
finished worker-1 | tail -2
type_in "nightshift history --json | python3 -c 'import json,sys; print([(v[\"version\"], v[\"reason\"]) for v in json.load(sys.stdin)][-2:])'"

say "A worker comes back after three missed nights"
cleanup_worker() { kill -9 -- "-${started[-1]}" 2>/dev/null || true; }
cleanup_worker
schedule "* * * * *"
type_in "prefect --no-prompt deploy -n nightly | grep -E 'successfully'"
echo "(no worker; the cron fires every minute: three nights are missed while a batch arrives)"
sleep 200
deliver night-4
schedule "0 2 * * *"
start "prefect worker start --pool nightshift" worker-2
runs worker-2 1
type_in "prefect deployment schedule clear -y nightly/nightly"
finished worker-2 | head -1
type_in "prefect flow-run ls --limit 4"
type_in nightshift log
type_in "MLFLOW_TRACKING_URI=sqlite:///store/mlflow/mlflow.db mlflow runs list --experiment-id 1 2>/dev/null"

say "The weekly round"
type_in "prefect deployment run weekly/weekly > /dev/null"
timeout 300 bash -c "until grep -q compact: logs/worker-2; do sleep 1; done"
grep "compact:" logs/worker-2 | grep Finished | sed -E 's/^[0-9:.]+ \| INFO +\| +//'
type_in nightshift history
type_in nightshift verify
