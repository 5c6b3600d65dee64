#!/usr/bin/env bash
# What it costs that connections outlive workers: requests per second on kept connections, and processor time of the workers for each, of clusters of two workers
# that differ in nothing but these options. Needs wrk. Arguments: the number of rounds (default 14), the seconds of each measurement (default 4). Writes
# docs/benchmarks/connections.md.
set -euo pipefail

rounds=${1:-14}
seconds=${2:-4}
. "$(dirname "$0")/servers.sh"
report=$here/../docs/benchmarks/connections.md
names=(nothing moving surviving replaying quarantine)
ports=(3111 3112 3113 3114 3115)
needs wrk node dotnet

survival=ProcessCluster__ConnectionSurvival
start "${ports[0]}" env ProcessCluster__MoveConnections=false "$server" cluster "${ports[0]}" 2
start "${ports[1]}" "$server" cluster "${ports[1]}" 2
start "${ports[2]}" env ${survival}__Enabled=true "$server" cluster "${ports[2]}" 2
start "${ports[3]}" env ${survival}__Enabled=true ${survival}__ReplayIdempotent=true "$server" cluster "${ports[3]}" 2
start "${ports[4]}" env ${survival}__Enabled=true ${survival}__QuarantineAfter=3 "$server" cluster "${ports[4]}" 2

# Until the just-in-time compiler has done its work, in every process.
for _ in 1 2 3 4; do
  for port in "${ports[@]}"; do
    for kind in kept each; do measure 3 "$port" "$kind" >/dev/null; done
  done
done

for round in $(seq "$rounds"); do
  for kind in kept each; do
    for i in "${!names[@]}"; do
      # Every second round the other way round.
      [ $((round % 2)) -eq 0 ] || i=$((${#names[@]} - 1 - i))
      before=$(ticks $(pgrep -P "${pids[$i]}"))
      measured=$(measure "$seconds" "${ports[$i]}" "$kind")
      echo "$round $kind ${names[$i]} $measured $(($(ticks $(pgrep -P "${pids[$i]}")) - before))" | tee -a "$results"
    done
  done
done

node - "$results" "$rounds" "$seconds" "$(getconf CLK_TCK)" <<'JS' | tee "$report"
const fs = require('node:fs');
const os = require('node:os');
const { execSync } = require('node:child_process');
const [file, rounds, seconds, hertz] = process.argv.slice(2);
const rows = fs.readFileSync(file, 'utf8').trim().split('\n').map(line => line.split(' ')).sort((a, b) => a[0] - b[0]);
const median = values => { const s = [...values].sort((a, b) => a - b); const m = s.length >> 1; return s.length % 2 ? s[m] : (s[m - 1] + s[m]) / 2; };
const of = (kind, name) => rows.filter(r => r[1] === kind && r[2] === name);
const rates = (kind, name) => of(kind, name).map(r => Number(r[3]));
const costs = (kind, name) => of(kind, name).map(r => Number(r[5]) / hertz / seconds / Number(r[3]) * 1e6);
const ratios = (kind, name, figures) => figures(kind, name).map((value, i) => value / figures(kind, 'nothing')[i]);
const errors = (kind, name) => of(kind, name).reduce((sum, r) => sum + Number(r[4]), 0);
const span = values => `${median(values).toFixed(3)} (${Math.min(...values).toFixed(2)} – ${Math.max(...values).toFixed(2)})`;
const titles = {
  nothing: '`MoveConnections=false`', moving: 'the defaults: connections move', surviving: '`ConnectionSurvival:Enabled`', replaying: 'and `:ReplayIdempotent`, every request marked',
  quarantine: '`ConnectionSurvival:Enabled` and `:QuarantineAfter`',
};
const lines = [];
lines.push('# What it costs that connections outlive workers', '');
lines.push(`Written by \`benchmarks/connections.sh\`: clusters of two workers, ${rounds} rounds, interleaved, ${seconds} s each, 64 connections (\`wrk -t1 -c64\`), "Hello, World!".`);
lines.push(`Load and servers share ${os.cpus().length} processors. .NET ${execSync('dotnet --version').toString().trim()} (SDK). Medians over the rounds; the ratios are those within each round, with the lowest and the highest.`, '');
lines.push('| Connections | Options | Requests/s | Errors | Ratio | Workers\' processor time for each request | Ratio |', '|---|---|--:|--:|--:|--:|--:|');
for (const [kind, title] of [['kept', 'kept'], ['each', 'one per request']])
  for (const name of Object.keys(titles))
    lines.push(`| ${title} | ${titles[name]} | ${Math.round(median(rates(kind, name)))} | ${errors(kind, name)} | ${span(ratios(kind, name, rates))} | ${median(costs(kind, name)).toFixed(1)} µs | ${span(ratios(kind, name, costs))} |`);
lines.push('');
console.log(lines.join('\n'));
JS
