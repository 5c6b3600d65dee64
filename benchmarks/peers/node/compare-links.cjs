// Runs what benchmarks/messages.sh compares, in turn, and writes the report. Arguments: rounds, the .NET program, the report.
'use strict';
const { spawn, execSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const readline = require('node:readline');

const [rounds, program, report] = [Number(process.argv[2]), process.argv[3], process.argv[4]];
const link = path.join(__dirname, 'link.cjs');
const peers = { pinned: ['taskset', ['-c', '0', program, 'raw']], raw: [program, ['raw']], cluster: [program, []], node: [process.execPath, [link]] };
const titles = { pinned: 'two blocking pipes, one processor', raw: 'two blocking pipes', cluster: 'ProcessCluster', node: 'Node, `process.send`' };
const median = values => { const s = [...values].sort((a, b) => a - b); const m = s.length >> 1; return s.length % 2 ? s[m] : (s[m - 1] + s[m]) / 2; };

function start([file, args]) {
  const child = spawn(file, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = [], waiting = [];
  readline.createInterface({ input: child.stdout }).on('line', line => (waiting.shift() ?? (l => lines.push(l)))(line));
  const next = () => lines.length ? Promise.resolve(lines.shift()) : new Promise(resolve => waiting.push(resolve));
  return { next, async ask(command) { child.stdin.write(command + '\n'); return Number(await next()); }, end() { child.stdin.end(); } };
}

(async () => {
  const running = {};
  for (const [name, peer] of Object.entries(peers)) {
    running[name] = start(peer);
    await running[name].next();
  }
  const commands = [['rtt', 20000, ['pinned', 'raw', 'cluster', 'node']], ['oneway', 500000, ['cluster', 'node']], ['bulk', 300, ['cluster', 'node']]];
  const counts = { node: { oneway: 100000, bulk: 50 } };
  const figures = {};
  for (let round = -2; round < rounds; round++) // two to warm up
    for (const [command, count, names] of commands)
      for (const name of names) {
        const figure = await running[name].ask(`${command} ${counts[name]?.[command] ?? count}`);
        if (round >= 0) ((figures[command] ??= {})[name] ??= []).push(figure);
      }
  const allocated = await running.cluster.ask('alloc 1000000');
  Object.values(running).forEach(peer => peer.end());

  const ratio = (command, a, b) => median(figures[command][a].map((figure, i) => figure / figures[command][b][i]));
  const lines = ['# Messages between two processes', '',
    'This page measures messages between two processes: latency, rate and bytes per second.', '',
    `\`benchmarks/messages.sh\` writes it: ${rounds} rounds, in turn, after two to warm up. ${os.cpus().length} processors, .NET ${execSync('dotnet --version').toString().trim()} (SDK), Node ${process.version}.`,
    'The figures are medians over the rounds, with the lowest and the highest. Ratios are medians of the ratios within each round.', '',
    '| What | Link | Figure | Lowest – highest |', '|---|---|--:|--:|'];
  const units = {
    rtt: ['request and answer, 100 bytes, p50', f => `${f.toFixed(1)} µs`],
    oneway: ['one way, 100 bytes, handled', f => `${(f / 1e6).toFixed(2)} million/s`],
    bulk: ['one way, 1 MiB, handled', f => `${(f / 1e9).toFixed(2)} GB/s`] };
  for (const [command, , names] of commands)
    for (const name of names) {
      const all = figures[command][name], [what, unit] = units[command];
      lines.push(`| ${what} | ${titles[name]} | ${unit(median(all))} | ${unit(Math.min(...all))} – ${unit(Math.max(...all))} |`);
    }
  lines.push('',
    `A request and its answer take ${ratio('rtt', 'cluster', 'pinned').toFixed(2)} times as long as a round trip over two raw pipes, and ${ratio('rtt', 'cluster', 'node').toFixed(2)} of Node's time.`,
    'Raw pipes are quickest with both ends on one processor, and the comparison uses that figure. The system often runs the ends on two',
    'processors, and waking an idle processor takes longer than the rest.',
    `One way the cluster handles ${ratio('oneway', 'cluster', 'node').toFixed(1)} times as many messages as Node, and ${ratio('bulk', 'cluster', 'node').toFixed(1)} times as many bytes.`,
    `The sender allocates ${allocated.toFixed(2)} bytes for each message of 100 bytes.`, '',
    'The messages of the cluster are structs in MessagePack. They are encoded, decoded and given to a handler. Node\'s messages are objects in',
    'JSON, its default. The raw pipes carry 100 bytes that no code reads.', '');
  fs.writeFileSync(report, lines.join('\n'));
  console.log(lines.join('\n'));
})();
