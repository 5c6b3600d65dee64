#!/usr/bin/env bash
# What each worker costs the primary: its resident memory after a forced collection with 2, 16 and 64 workers that listen on one port and have served a
# few connections. A fresh primary for each number, round after round; the cost of one is the slope from the fewest to the most, median over the rounds.
# It changes little with the machine's load. Argument: the number of rounds (default 3). Writes docs/benchmarks/memory.md.
set -euo pipefail

rounds=${1:-3}
numbers=(2 16 64)
here=$(cd "$(dirname "$0")" && pwd)
report=$here/../docs/benchmarks/memory.md
program=$here/BenchMemory/bin/Release/net10.0/BenchMemory
results=$(mktemp)
trap 'rm -f "$results"' EXIT

command -v dotnet >/dev/null || { echo "memory.sh needs dotnet." >&2; exit 1; }
dotnet build -c Release -v quiet "$here/BenchMemory" >/dev/null

for round in $(seq "$rounds"); do
  for workers in "${numbers[@]}"; do
    line=$(timeout 300 "$program" "$workers") || { echo "memory.sh: $workers workers did not come to an end." >&2; exit 1; }
    echo "$round $line" | tee -a "$results"
  done
done

# $1 workers, $2 column: the median over the rounds.
median() {
  awk -v workers="$1" -v column="$2" '$2 == workers { print $column }' "$results" | sort -g |
    awk '{ v[NR] = $1 } END { print (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2 }'
}

# $1 column: KiB for each worker more, median of the slopes of the rounds.
slope() {
  awk -v column="$1" -v few="${numbers[0]}" -v many="${numbers[-1]}" '
    $2 == few { first[$1] = $column } $2 == many { last[$1] = $column }
    END { for (round in first) print (last[round] - first[round]) / (many - few) }' "$results" | sort -g |
    awk '{ v[NR] = $1 } END { printf "%.0f", (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2 }'
}

{
  cat <<TEXT
# Memory of the primary

This page measures the memory of a primary, by the number of its workers.

\`benchmarks/memory.sh\` writes it: medians of $rounds rounds, .NET $(dotnet --version) (SDK). The primary is measured after a forced, compacting
collection. Its workers listen on one port and have served four connections each.

| Workers | Resident (KiB) | of that backed by no file | Managed heap (KiB) | Threads |
|--:|--:|--:|--:|--:|
TEXT
  for workers in "${numbers[@]}"; do
    echo "| $workers | $(median "$workers" 3) | $(median "$workers" 4) | $(median "$workers" 5) | $(median "$workers" 6) |"
  done
  cat <<TEXT

Each worker costs the primary $(slope 3) KiB of resident memory, $(slope 4) of them backed by no file. That is the stack
of a thread that reads its link, buffers, the shared page and objects. Memory of the kernel (a socket pair, the pipes) is not included.
The worker itself is a process with a runtime of its own.
TEXT
} >"$report"
cat "$report"
