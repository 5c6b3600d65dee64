// What benchmarks/reload.sh measures beside the cluster: the same endpoint under PM2, with PM2's recipe for graceful reloads
// (wait_ready and process.send('ready'); SIGINT closes the server, kill_timeout bounds it). NOTES: a directory for notes, a file per process.
const fs = require('node:fs');
const http = require('node:http');
const path = require('node:path');

const note = what => fs.appendFileSync(
  path.join(process.env.NOTES, `${process.pid}`), `${what} ${performance.timeOrigin + performance.now()}\n`);

const server = http.createServer((request, response) => {
  let length = 0;
  let sum = 0;
  request.on('data', chunk => {
    length += chunk.length;
    for (let i = 0; i < chunk.length; i++)
      sum += chunk[i];
  });
  request.on('end', () => {
    const body = `${process.pid} ${length} ${sum}`;
    response.writeHead(200, { 'Content-Type': 'text/plain', 'Content-Length': body.length }).end(body);
  });
});
server.listen(Number(process.env.PORT), '127.0.0.1', () => {
  note('ready');
  process.send?.('ready');
});
process.on('SIGINT', () => {
  note('leaving');
  server.close(() => process.exit(0));
});
