#!/usr/bin/env bash
# Clients behind nginx, which tells their addresses with the PROXY protocol: each keeps its worker, and the worker sees its address. A worker's death
# moves its clients only. The last line says how many clients were checked; it fails if one was not right or a tool is missing.
set -uo pipefail
cd "$(dirname "$0")"
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1

modules=$(find /usr/lib/nginx/modules /usr/lib64/nginx/modules -name ngx_stream_module.so 2>/dev/null | head -1)
for tool in dotnet python3 nginx; do
  command -v "$tool" >/dev/null || { echo "MISSING: $tool" >&2; echo "proxy: nothing was checked"; exit 1; }
done
[ -n "$modules" ] || { echo "MISSING: nginx's stream module (apt-get install libnginx-mod-stream)" >&2; echo "proxy: nothing was checked"; exit 1; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
dotnet build -c Release --nologo -v quiet -m:1 -clp:NoSummary ../ProcessCluster.TestApp || { echo "proxy: the build failed"; exit 1; }
timeout 120 python3 proxy.py "$work" "$modules" "$PWD/../ProcessCluster.TestApp/bin/Release/net10.0/ProcessCluster.TestApp"
