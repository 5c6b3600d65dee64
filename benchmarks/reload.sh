#!/usr/bin/env bash
# Reloads and deaths of workers under load, as clients see them that never retry: a cluster of two workers, and PM2 in cluster mode with its
# recipe for graceful reloads. PM2 is installed into a temporary directory; where npm cannot, it is left out. Takes about five minutes.
# Needs dotnet, node and npm. Arguments: the number of reloads (default 10) and of kills (default 7). Writes docs/benchmarks/reload.md.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
temporary=$(mktemp -d)
export PM2_HOME=$temporary/home
pm2=$temporary/node_modules/.bin/pm2

cleanup() {
  if [ -x "$pm2" ]; then timeout 30 "$pm2" kill >/dev/null 2>&1 || true; fi
  rm -rf "$temporary"
}
trap cleanup EXIT

command -v dotnet >/dev/null || { echo "reload.sh needs dotnet." >&2; exit 1; }
dotnet build -c Release -v quiet "$here/BenchReload" >/dev/null

peer=()
if command -v npm >/dev/null && timeout 180 npm install --prefix "$temporary" --no-audit --no-fund --loglevel=error pm2 >&2; then
  peer=("$pm2" "Node $(node --version), PM2 $("$pm2" --version | tail -1)" "$here/peers/node/strict.config.cjs")
else
  echo "PM2 cannot be installed with npm: it is left out." >&2
fi

timeout 480 "$here/BenchReload/bin/Release/net10.0/BenchReload" "${1:-10}" "${2:-7}" "$here/../docs/benchmarks/reload.md" "${peer[@]}"
