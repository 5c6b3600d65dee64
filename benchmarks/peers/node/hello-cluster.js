// "Hello, World!" in Node's cluster, round robin over two workers: what benchmarks/throughput.sh measures against. Argument: the port.
import cluster from 'node:cluster';
import http from 'node:http';

if (cluster.isPrimary) {
  cluster.schedulingPolicy = cluster.SCHED_RR;
  for (let i = 0; i < 2; i++) cluster.fork();
  process.on('SIGTERM', () => cluster.disconnect(() => process.exit(0)));
} else {
  http.createServer((request, response) => {
    response.setHeader('Content-Type', 'text/plain; charset=utf-8');
    response.end('Hello, World!');
  }).listen(Number(process.argv[2]), '127.0.0.1');
}
