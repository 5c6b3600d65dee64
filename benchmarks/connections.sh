#!/usr/bin/env bash
# What it costs that connections outlive workers: requests per second on kept connections, and processor time of the workers for each, of clusters of two workers
# that differ in nothing but these options. Each round has servers of its own, as one start of a program may be
# faster than the next: many rounds tell more than long ones. Needs wrk and node. Arguments: the number of rounds (default 20), the seconds of each of two measurements in one (default 1).
# Writes docs/benchmarks/connections.md.
set -euo pipefail

rounds=${1:-20}
seconds=${2:-1}
. "$(dirname "$0")/servers.sh"
report=$here/../docs/benchmarks/connections.md
names=(nothing moving surviving replaying quarantine)
survival=ProcessCluster__ConnectionSurvival
options=(
  ProcessCluster__MoveConnections=false
  ProcessCluster__MoveConnections=true
  ${survival}__Enabled=true
  "${survival}__Enabled=true ${survival}__ReplayIdempotent=true"
  "${survival}__Enabled=true ${survival}__QuarantineAfter=3"
)
needs wrk node dotnet

for round in $(seq "$rounds"); do
  # Another one is first each time.
  order=()
  for i in "${!names[@]}"; do order+=($(((i + round) % ${#names[@]}))); done
  back=($(printf '%s\n' "${order[@]}" | tac))
  declare -A server_of=()
  for i in "${order[@]}"; do
    start $((3111 + i)) env ${options[$i]} "$server" cluster $((3111 + i)) 2
    server_of[$i]=${pids[-1]}
  done
  # Until the just-in-time compiler has done its work, in every process.
  for _ in 1 2; do
    for i in "${order[@]}"; do measure 2 $((3111 + i)) kept >/dev/null; done
  done
  # There and back again.
  for i in "${order[@]}" "${back[@]}"; do
    workers=$(pgrep -P "${server_of[$i]}")
    before=$(ticks $workers)
    measured=$(measure "$seconds" $((3111 + i)) kept)
    echo "$round ${names[$i]} $measured $(($(ticks $workers) - before))" | tee -a "$results"
  done
  stop
done

node - "$results" "$rounds" "$seconds" "$(getconf CLK_TCK)" <<'JS' | tee "$report"
const fs = require('node:fs');
const os = require('node:os');
const { execSync } = require('node:child_process');
const [file, rounds, seconds, hertz] = process.argv.slice(2);
const rows = fs.readFileSync(file, 'utf8').trim().split('\n').map(line => line.split(' ')).sort((a, b) => a[0] - b[0]);
const median = values => { const s = [...values].sort((a, b) => a - b); const m = s.length >> 1; return s.length % 2 ? s[m] : (s[m - 1] + s[m]) / 2; };
const mean = values => values.reduce((sum, value) => sum + value, 0) / values.length;
const of = name => rows.filter(r => r[1] === name);
const byRound = (name, figure) => Array.from({ length: Number(rounds) }, (_, round) => mean(of(name).filter(r => Number(r[0]) === round + 1).map(figure)));
const rates = name => byRound(name, r => Number(r[2]));
const costs = name => byRound(name, r => Number(r[4]) / hertz / seconds / Number(r[2]) * 1e6);
const ratios = (name, figures) => figures(name).map((value, i) => value / figures('nothing')[i]);
const errors = name => of(name).reduce((sum, r) => sum + Number(r[3]), 0);
const span = values => `${median(values).toFixed(3)} (mean ${mean(values).toFixed(3)}, ${Math.min(...values).toFixed(2)} – ${Math.max(...values).toFixed(2)})`;
const titles = {
  nothing: '`MoveConnections=false`', moving: 'the defaults: connections move', surviving: '`ConnectionSurvival:Enabled`', replaying: 'and `:ReplayIdempotent`, every request marked',
  quarantine: '`ConnectionSurvival:Enabled` and `:QuarantineAfter`',
};
const lines = [];
lines.push('# Cost of connections that outlive workers', '');
lines.push('This page measures the cost of connections that move and survive.', '');
lines.push('`benchmarks/connections.sh` writes it.');
lines.push(`It runs clusters of two workers in ${rounds} rounds, each with new servers in another order. Each server is measured twice for ${seconds} s.`);
lines.push('The load is 64 kept connections (`wrk -t1 -c64`) and "Hello, World!".');
lines.push(`Load and servers share ${os.cpus().length} processors. .NET ${execSync('dotnet --version').toString().trim()} (SDK). The figures are medians over the rounds. The ratios are those within each round.`, '');
lines.push('| Options | Requests/s | Errors | Ratio | Workers\' processor time for each request | Ratio |', '|---|--:|--:|--:|--:|--:|');
for (const name of Object.keys(titles))
  lines.push(`| ${titles[name]} | ${Math.round(median(rates(name)))} | ${errors(name)} | ${span(ratios(name, rates))} | ${median(costs(name)).toFixed(1)} µs | ${span(ratios(name, costs))} |`);
lines.push('');
console.log(lines.join('\n'));
JS
