// Argument: the number of workers. One per processor when there is none.
import cluster from 'node:cluster';
import { availableParallelism } from 'node:os';
import { listen } from './endpoints.js';

if (cluster.isPrimary) {
  const workers = Number(process.argv[2] ?? availableParallelism());
  for (let i = 0; i < workers; i++)
    cluster.fork();
} else {
  listen();
}
