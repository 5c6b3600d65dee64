// The endpoints of samples/HeavyEndpoint, with nothing but Node's own HTTP server.
import { createServer } from 'node:http';

const endpoints = {
  '/': () => text(`Handled by worker ${process.pid}`),
  '/heavy': () => {
    let total = 0;
    for (let i = 0; i < 5_000_000; i++)
      total++;
    return text(`Total: ${total}`);
  },
  '/api/cluster': compute,
  '/api/nocluster': compute,
};

export function listen() {
  createServer((request, response) => {
    const url = new URL(request.url, 'http://localhost');
    const endpoint = Object.hasOwn(endpoints, url.pathname) ? endpoints[url.pathname] : undefined;
    const { status, type, body } = !endpoint ? text('', 404)
      : request.method !== 'GET' ? text('', 405)
      : endpoint(url.searchParams);
    response.writeHead(status, { 'Content-Type': `${type}; charset=utf-8` }).end(body);
  }).listen(3000, '127.0.0.1');
}

function compute(query) {
  const given = query.has('base') ? query.getAll('base').join(',') : '8';
  const base = /^\d+$/.test(given) ? Number(given) : NaN;
  if (!(base >= 1 && base <= 10))
    return json(`base is '${given}': give a whole number from 1 to 10.`, 400);

  let result = 0;
  for (let i = base ** 7; i >= 0; i--)
    result += i + i ** 10;
  return json({ result });
}

function text(body, status = 200) {
  return { status, type: 'text/plain', body };
}

function json(value, status = 200) {
  return { status, type: 'application/json', body: JSON.stringify(value) };
}
