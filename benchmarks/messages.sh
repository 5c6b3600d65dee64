#!/usr/bin/env bash
# Links between two processes, side by side: a cluster's messages, two raw blocking pipes, Node's process.send. All run at once and are measured
# in turn, round after round, so that a machine whose speed drifts is unfair to none; what counts is the ratio within a round.
# Needs node and taskset. Argument: the number of rounds (default 7). Writes docs/benchmarks/messages.md.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
for tool in node dotnet taskset; do
  command -v "$tool" >/dev/null || { echo "messages.sh needs $tool." >&2; exit 1; }
done
dotnet build -c Release -v quiet "$here/BenchMessages" >/dev/null
exec timeout 1200 node "$here/peers/node/compare-links.cjs" "${1:-7}" "$here/BenchMessages/bin/Release/net10.0/BenchMessages" "$here/../docs/benchmarks/messages.md"
