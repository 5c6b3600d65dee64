#!/usr/bin/env bash
# Requests per second of whole servers, side by side: plain Kestrel in one process, the same as a cluster of two workers, as one whose workers
# accept by themselves (SO_REUSEPORT), and Node's cluster with round robin over two. On kept connections and with a connection for each request. All servers run at once and are
# measured in turn, round after round, so that a machine whose speed drifts is unfair to none; what counts is the ratio within a round.
# Needs wrk and node. Arguments: the number of rounds (default 7), the seconds of each measurement (default 4).
set -euo pipefail

rounds=${1:-7}
seconds=${2:-4}
. "$(dirname "$0")/servers.sh"
report=$here/../docs/benchmarks/throughput.md
names=(kestrel cluster reuseport node)
ports=(3101 3102 3104 3103)
needs wrk node dotnet

start "${ports[0]}" "$server" plain "${ports[0]}"
start "${ports[1]}" "$server" cluster "${ports[1]}" 2
primary=${pids[-1]}
start "${ports[2]}" env ProcessCluster__Mode=ReusePort "$server" cluster "${ports[2]}" 2
start "${ports[3]}" node "$here/peers/node/hello-cluster.js" "${ports[3]}"

# Until the just-in-time compiler has done its work, in every process.
for _ in 1 2 3 4; do
  for port in "${ports[@]}"; do
    for kind in kept each; do measure 3 "$port" "$kind" >/dev/null; done
  done
done

for round in $(seq "$rounds"); do
  for kind in kept each; do
    for i in "${!names[@]}"; do
      own=$(ticks "$primary") workers=$(ticks $(pgrep -P "$primary"))
      measured=$(measure "$seconds" "${ports[$i]}" "$kind")
      own=$(($(ticks "$primary") - own)) workers=$(($(ticks $(pgrep -P "$primary")) - workers))
      echo "$round $kind ${names[$i]} $measured $own $workers" | tee -a "$results"
    done
  done
done

mkdir -p "$(dirname "$report")"
node - "$results" "$rounds" "$seconds" <<'JS' | tee "$report"
const fs = require('node:fs');
const os = require('node:os');
const { execSync } = require('node:child_process');
const [file, rounds, seconds] = process.argv.slice(2);
const rows = fs.readFileSync(file, 'utf8').trim().split('\n').map(line => line.split(' '));
const median = values => { const s = [...values].sort((a, b) => a - b); const m = s.length >> 1; return s.length % 2 ? s[m] : (s[m - 1] + s[m]) / 2; };
const rates = (kind, name) => rows.filter(r => r[1] === kind && r[2] === name).map(r => Number(r[3]));
const ratio = (kind, name, to) => median(rates(kind, name).map((rate, i) => rate / rates(kind, to)[i]));
const errors = (kind, name) => rows.filter(r => r[1] === kind && r[2] === name).reduce((sum, r) => sum + Number(r[4]), 0);
const primary = kind => { const own = rows.filter(r => r[1] === kind && r[2] === 'cluster'); return median(own.map(r => Number(r[5]) / (Number(r[5]) + Number(r[6])))); };
const titles = { kestrel: 'Kestrel, one process', cluster: 'ProcessCluster, 2 workers', reuseport: 'ProcessCluster, 2 workers, mode ReusePort', node: "Node's cluster, 2 workers, round robin" };
const lines = [];
lines.push('# Throughput', '');
lines.push('This page measures requests per second and connections per second, against plain Kestrel and Node.', '');
lines.push(`\`benchmarks/throughput.sh\` writes it: ${rounds} rounds, interleaved, ${seconds} s each, 64 connections (\`wrk -t1 -c64\`), "Hello, World!".`);
lines.push(`Load and servers share ${os.cpus().length} processors. .NET ${execSync('dotnet --version').toString().trim()} (SDK), Node ${process.version}.`);
lines.push('The figures are medians over the rounds. The ratios are medians of the ratios within each round.', '');
lines.push('| Connections | Server | Requests/s | Lowest – highest | Errors | Ratio to Kestrel |', '|---|---|--:|--:|--:|--:|');
for (const [kind, title] of [['kept', 'kept'], ['each', 'one per request']])
  for (const name of ['kestrel', 'cluster', 'reuseport', 'node']) {
    const all = rates(kind, name);
    lines.push(`| ${title} | ${titles[name]} | ${Math.round(median(all))} | ${Math.round(Math.min(...all))} – ${Math.round(Math.max(...all))} | ${errors(kind, name)} | ${ratio(kind, name, 'kestrel').toFixed(2)} |`);
  }
lines.push('', `- On kept connections the cluster serves ${ratio('kept', 'cluster', 'kestrel').toFixed(2)} of the requests of one Kestrel process.`,
  `- With a connection for each request it serves ${ratio('each', 'cluster', 'kestrel').toFixed(2)} of them. That is ${ratio('each', 'cluster', 'node').toFixed(2)} times Node's round robin.`,
  `- Workers that accept by themselves are faster there: the cluster reaches ${ratio('each', 'cluster', 'reuseport').toFixed(2)} of their rate.`,
  `- The primary then uses ${(100 * primary('each')).toFixed(0)} % of the cluster's processor time. On kept connections it uses ${(100 * primary('kept')).toFixed(0)} %.`,
  '', 'One .NET process already uses all processors. A cluster is for isolation and replacement, not for speed. Its cost is the hand-off, once',
  'for each connection: the primary accepts, sends the descriptor, and gets an answer.', '');
console.log(lines.join('\n'));
JS
