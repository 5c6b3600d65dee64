namespace ProcessCluster.Conformance;

/// <summary>The names of all cases: files of Node's tests, and what Node has no test for.</summary>
internal static class Cases
{
    public static readonly string[] OfCluster = Lines("""
        test-cluster-accept-fail
        test-cluster-advanced-serialization
        test-cluster-basic
        test-cluster-bind-privileged-port
        test-cluster-bind-twice
        test-cluster-call-and-destroy
        test-cluster-child-index-dgram
        test-cluster-child-index-net
        test-cluster-concurrent-disconnect
        test-cluster-cwd
        test-cluster-dgram-1
        test-cluster-dgram-2
        test-cluster-dgram-bind-fd
        test-cluster-dgram-ipv6only
        test-cluster-dgram-reuse
        test-cluster-dgram-reuseport
        test-cluster-disconnect-before-exit
        test-cluster-disconnect-exitedAfterDisconnect-race
        test-cluster-disconnect-idle-worker
        test-cluster-disconnect-leak
        test-cluster-disconnect-race
        test-cluster-disconnect-unshared-tcp
        test-cluster-disconnect-unshared-udp
        test-cluster-disconnect-with-no-workers
        test-cluster-disconnect
        test-cluster-eaccess
        test-cluster-eaddrinuse
        test-cluster-fork-env
        test-cluster-fork-stdio
        test-cluster-fork-windowsHide
        test-cluster-http-pipe
        test-cluster-invalid-message
        test-cluster-ipc-throw
        test-cluster-kill-disconnect
        test-cluster-kill-infinite-loop
        test-cluster-listen-pipe-readable-writable
        test-cluster-listening-port
        test-cluster-message
        test-cluster-net-listen-backlog
        test-cluster-net-listen-ipv6only-false
        test-cluster-net-listen-relative-path
        test-cluster-net-listen
        test-cluster-net-reuseport
        test-cluster-net-send
        test-cluster-net-server-drop-connection
        test-cluster-primary-error
        test-cluster-primary-kill
        test-cluster-process-disconnect
        test-cluster-rr-domain-listen
        test-cluster-rr-handle-close
        test-cluster-rr-handle-keep-loop-alive
        test-cluster-rr-handle-ref-unref
        test-cluster-rr-ref
        test-cluster-send-deadlock
        test-cluster-send-handle-twice
        test-cluster-send-socket-to-worker-http-server
        test-cluster-server-restart-none
        test-cluster-server-restart-rr
        test-cluster-setup-primary-argv
        test-cluster-setup-primary-cumulative
        test-cluster-setup-primary-emit
        test-cluster-setup-primary-multiple
        test-cluster-setup-primary
        test-cluster-shared-handle-bind-error
        test-cluster-shared-handle-bind-privileged-port
        test-cluster-shared-leak
        test-cluster-uncaught-exception
        test-cluster-worker-constructor
        test-cluster-worker-death
        test-cluster-worker-destroy
        test-cluster-worker-disconnect-on-error
        test-cluster-worker-disconnect
        test-cluster-worker-events
        test-cluster-worker-exit
        test-cluster-worker-forced-exit
        test-cluster-worker-handle-close
        test-cluster-worker-init
        test-cluster-worker-isconnected
        test-cluster-worker-isdead
        test-cluster-worker-kill-signal
        test-cluster-worker-kill
        test-cluster-worker-no-exit
        test-cluster-worker-wait-server-close
        """);

    public static readonly string[] Others = Lines("""
        test-cluster-inspect-brk
        test-cluster-net-listen-ipv6only-none
        test-cluster-net-listen-ipv6only-rr
        test-cluster-port-reuse-between-workers
        test-cluster-send-handle-large-payload
        test-inspector-port-cluster
        test-inspector-port-zero-cluster
        test-inspector-cluster-port-clash
        test-dgram-bind-shared-ports-after-port-0
        test-listen-fd-cluster
        test-net-listen-exclusive-random-ports
        test-net-listen-shared-ports
        test-dgram-bind-shared-ports
        test-dgram-exclusive-implicit-bind
        test-net-listen-handle-in-cluster-1
        test-net-listen-handle-in-cluster-2
        test-net-listen-twice
        test-net-server-close-before-ipc-response
        test-net-socket-constructor
        test-http-server-drop-connections-in-cluster
        test-tls-ticket-cluster
        test-child-process-fork-closed-channel-segfault
        test-dgram-bind-socket-close-before-cluster-reply
        test-dgram-cluster-bind-error
        test-dgram-cluster-close-during-bind
        test-dgram-cluster-close-in-listening
        test-dgram-unref-in-cluster
        """);

    public static readonly string[] BeyondNode = Lines("""
        A worker is killed between receiving a connection and accepting it
        Disconnecting completes with the last worker
        Draining under clients that are always busy
        SIGKILL of the primary with an idle, a busy and a booting worker
        The limit of connections that wait
        The deadline of connections that wait
        A reload to a broken program
        Reloads that overlap
        The order of messages under back-pressure
        The share of a slow worker
        A log that cannot be written
        """);

    private static string[] Lines(string text) => text.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
}
