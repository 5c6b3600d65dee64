// PM2's cluster mode with its recipe for graceful reloads.
module.exports = {
  apps: [{
    name: 'strict',
    script: `${__dirname}/strict.cjs`,
    exec_mode: 'cluster',
    instances: 2,
    wait_ready: true,
    listen_timeout: 10000,
    kill_timeout: 10000,
    out_file: '/dev/null',
    error_file: '/dev/null',
  }],
};
