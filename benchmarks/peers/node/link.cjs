// The peer of benchmarks/BenchMessages: the same figures for Node's process.send between a process and its fork.
// Commands on standard input: "rtt COUNT", "oneway COUNT", "bulk COUNT".
'use strict';
const { fork } = require('node:child_process');
const readline = require('node:readline');

if (process.argv[2] === 'child') {
  let handled = 0, bytes = 0, expected = Infinity;
  const count = length => {
    bytes += length;
    if (++handled === expected) done();
  };
  const done = () => {
    process.send({ kind: 'done', bytes });
    handled = 0; bytes = 0; expected = Infinity;
  };
  process.on('message', message => {
    switch (message.kind) {
      case 'echo': process.send(message); break;
      case 'small': count(message.payload.length); break;
      case 'blob': count(message.bytes.length); break;
      case 'expect':
        expected = message.messages;
        if (handled === expected) done();
        break;
    }
  });
  return;
}

// 'advanced' uses the structured clone algorithm, which is Node's way to send bytes; 'json' is the default.
const child = fork(__filename, ['child'], { serialization: process.argv[2] === 'advanced' ? 'advanced' : 'json' });
const payload = 'x'.repeat(70);
const blob = 'x'.repeat(1024 * 1024);
const now = () => process.hrtime.bigint();
const next = () => new Promise(resolve => child.once('message', resolve));
const drained = message => new Promise(resolve => child.send(message, resolve));

async function rtt(count) {
  const times = [];
  for (let i = 0; i < count; i++) {
    const start = now();
    child.send({ kind: 'echo', id: i, payload });
    await next();
    times.push(Number(now() - start) / 1000);
  }
  times.sort((a, b) => a - b);
  return times[times.length >> 1];
}

async function flow(kind, count, message, every) {
  const start = now();
  for (let i = 0; i < count; i++) {
    // Without waiting now and then, Node would keep all of them in memory.
    if (i % every === every - 1) await drained(message(i));
    else child.send(message(i));
  }
  child.send({ kind: 'expect', messages: count });
  const { bytes } = await next();
  const seconds = Number(now() - start) / 1e9;
  return kind === 'bulk' ? bytes / seconds : count / seconds;
}

console.log('ready');
readline.createInterface({ input: process.stdin }).on('line', line => queue = queue.then(() => run(line))).on('close', () => queue.then(() => child.kill()));
let queue = Promise.resolve();
async function run(line) {
  const [command, n] = line.split(' ');
  const count = Number(n);
  if (command === 'rtt') console.log(await rtt(count));
  else if (command === 'oneway') console.log(await flow('oneway', count, id => ({ kind: 'small', id, payload }), 1000));
  else if (command === 'bulk') console.log(await flow('bulk', count, () => ({ kind: 'blob', bytes: blob }), 4));
  else console.log(NaN);
}
