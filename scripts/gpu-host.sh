#!/usr/bin/env bash
# Evaluates and benchmarks on a host with a GPU that has Node 20, playwright-core (on NODE_PATH) and a Chromium, but
# neither Vite nor node_modules. Carry there: scripts/, the built pages (npm run build:pages), a model folder, data.
#
#   bash scripts/gpu-host.sh --pages dist-demo --models models --data squad.jsonl --out results [more flags]
#
# CHROMIUM_PATH (or GPU_CHROMIUM) names the browser. Further flags go to both scripts: --model, --dtype,
# --chromium-args, or --software to try it without a GPU. QUESTIONS, TOKENS, RATES and STEPS ("eval bench") change what
# is run. Writes eval.json, bench.json and bench.png into the output folder.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
pages='' models='' data='' out='' more=()
while [ $# -gt 0 ]; do
  case $1 in
    --pages | --models | --data | --out) [ $# -ge 2 ] || { echo "$1 needs a value" >&2; exit 2; }; declare "${1#--}=$2"; shift 2 ;;
    *) more+=("$1"); shift ;;
  esac
done
for name in pages models data out; do
  [ -n "${!name}" ] || { echo "--$name is missing; see the head of $0" >&2; exit 2; }
done
export CHROMIUM_PATH=${CHROMIUM_PATH:-${GPU_CHROMIUM:-}}
[ -n "$CHROMIUM_PATH" ] || unset CHROMIUM_PATH
mkdir -p "$out"

common=(--device webgpu --pages "$pages" --models "$models" "${more[@]}")
failed=0
step() { # NAME COMMAND...
  local name=$1 started=$SECONDS
  shift
  [[ " ${STEPS:-eval bench} " = *" $name "* ]] || return 0
  echo "== $name"
  "$@" || { echo "$name failed" >&2; failed=1; }
  echo "$name took $((SECONDS - started)) s"
}
step eval node "$here/eval.mjs" "${common[@]}" --data "$data" --limit "${QUESTIONS:-50}" --json "$out/eval.json"
step bench node "$here/bench.mjs" "${common[@]}" --tokens "${TOKENS:-512,2048,8000}" --rate "${RATES:-4,8}" \
  --json "$out/bench.json" --screenshot "$out/bench.png"
exit $failed
