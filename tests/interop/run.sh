#!/usr/bin/env bash
# Exchanges generated MessagePack values with two other implementations, in both directions, and compares each value exactly.
# run.sh [seed] [count]. The last line has the counts; it fails if a value differs or a tool is missing.
set -uo pipefail
cd "$(dirname "$0")"
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1

seed=${1:-1}
count=${2:-1500}
msgpack_js=3.1.3

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
exchanges=0 values=0 mismatches=0 missing=0

miss() { # what is missing, and what to do
  echo "MISSING: $1" >&2
  missing=$((missing + 1))
}

compare() { # label, path of the values, command that reads them
  local label=$1 path=$2 result
  shift 2
  result=$("$@" read "$path") || [ -n "$result" ] || { echo "$label: the reader failed" >&2; mismatches=$((mismatches + 1)); return; }
  read -r compared differing <<<"$(tail -n 1 <<<"$result")"
  echo "$label: $compared values, $differing mismatches"
  exchanges=$((exchanges + 1)) values=$((values + compared)) mismatches=$((mismatches + differing))
  [ "$compared" -eq "$count" ] || { echo "$label: $count values were to be compared" >&2; mismatches=$((mismatches + 1)); }
}

exchange() { # name of the other implementation, its command
  local name=$1
  shift
  compare "ProcessCluster to $name" "$work/ours" "$@"
  if "$@" write "$seed" "$count" "$work/theirs-$name"; then
    compare "$name to ProcessCluster" "$work/theirs-$name" "${ours[@]}"
  else
    echo "$name: the writer failed" >&2
    mismatches=$((mismatches + 1))
  fi
}

python() { # the first Python that has the package: Debian's is not always the first one
  local candidate
  for candidate in python3 /usr/bin/python3; do
    "$candidate" -c 'import msgpack' 2>/dev/null && { echo "$candidate"; return; }
  done
  return 1
}

command -v dotnet >/dev/null || { miss "dotnet"; echo "interop: nothing was compared, 1 tool missing"; exit 1; }
dotnet build -c Release --nologo -v quiet -m:1 -clp:NoSummary -o "$work/app" || { echo "interop: the build failed"; exit 1; }
ours=(dotnet "$work/app/ProcessCluster.Interop.dll")
"${ours[@]}" write "$seed" "$count" "$work/ours" || { echo "interop: ProcessCluster could not write"; exit 1; }

if with_msgpack=$(python); then
  exchange python "$with_msgpack" interop.py
else
  miss "the Python package msgpack (apt-get install python3-msgpack)"
fi

if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
  miss "node or npm"
elif ! npm install --prefix "$work/node" --no-save --no-audit --no-fund --ignore-scripts --loglevel=error "@msgpack/msgpack@$msgpack_js" >/dev/null; then
  miss "the npm package @msgpack/msgpack $msgpack_js (npm install failed, see above)"
else
  export MODULES=$work/node
  exchange node node interop.mjs
fi

echo "interop: $exchanges exchanges, $values values compared, $mismatches mismatches, $missing tools missing"
[ "$mismatches" -eq 0 ] && [ "$missing" -eq 0 ]
