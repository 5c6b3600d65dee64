"""Starts a cluster and nginx before it, and asks as clients of many addresses. Arguments: a directory, nginx's stream module, the test program."""
import http.client
import os
import signal
import socket
import subprocess
import sys
import time

work, module, program = sys.argv[1:]
CLIENTS, WORKERS = 24, 3


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def ask(client, port):
    """The process that answers, and the address that it sees."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20, source_address=(client, 0))
    try:
        connection.request("GET", "/client", headers={"Connection": "close"})
        process, address = connection.getresponse().read().decode().split()
        return int(process), address
    finally:
        connection.close()


def ask_all(clients, port):
    served = {}
    for client in clients:
        answers = {ask(client, port) for _ in range(3)}
        assert len(answers) == 1, f"{client} was served by more than one worker, or seen as more than one: {answers}"
        process, address = answers.pop()
        assert address == client, f"{client} was seen as {address}"
        served[client] = process
    return served


def wait_for(port):
    deadline = time.monotonic() + 30
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            assert time.monotonic() < deadline, f"nobody listens on {port}"
            time.sleep(0.05)


def check():
    cluster_port, proxy_port = free_port(), free_port()
    with open(f"{work}/nginx.conf", "w") as f:
        # As a user, and with nothing outside the directory.
        f.write(f"""
            load_module {module};
            daemon off; pid {work}/nginx.pid; error_log {work}/error.log; worker_processes 1;
            {"user root;" if os.geteuid() == 0 else ""}
            events {{ }}
            stream {{ server {{ listen 127.0.0.1:{proxy_port}; proxy_pass 127.0.0.1:{cluster_port}; proxy_protocol on; }} }}
        """)
    environment = dict(
        os.environ, ASPNETCORE_URLS=f"http://127.0.0.1:{cluster_port}", ProcessCluster__Workers=str(WORKERS),
        ProcessCluster__ProxyProtocol="true", ProcessCluster__Dispatch="ClientAddress", ProcessCluster__Restart__InitialDelay="00:00:05")
    cluster = subprocess.Popen([program, "web", "minimal"], env=environment, stdout=subprocess.DEVNULL)
    proxy = None
    try:
        wait_for(cluster_port)
        proxy = subprocess.Popen(["nginx", "-c", f"{work}/nginx.conf", "-p", work], stderr=subprocess.DEVNULL)
        wait_for(proxy_port)
        deadline = time.monotonic() + 30
        clients = [f"127.0.2.{n}" for n in range(1, CLIENTS + 1)]
        while len({ask(client, proxy_port)[0] for client in clients}) < WORKERS:
            assert time.monotonic() < deadline, "not every worker has clients"
        before = ask_all(clients, proxy_port)

        dead = before["127.0.2.1"]
        os.kill(dead, signal.SIGKILL)
        after = ask_all(clients, proxy_port)
        moved = [client for client in before if before[client] != after[client]]
        assert moved == [client for client in before if before[client] == dead], f"other clients moved: {moved}"
        return len(before)
    finally:
        for process in filter(None, (proxy, cluster)):
            process.send_signal(signal.SIGTERM)
            process.wait(40)


print(f"proxy: {check()} clients behind nginx, each with its own worker and its own address; a worker's death moved its own only")
