using System.Buffers;
using System.IO.Pipelines;
using System.Net;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Logging;
using ProcessCluster.AspNetCore.Draining;

namespace ProcessCluster.AspNetCore.Transport;

/// <summary>One end point of Kestrel's in a worker.</summary>
internal sealed class ClusterConnectionListener : IConnectionListener
{
    private readonly ClusterListener _listener;
    private readonly ConnectionDrain _drain;
    private readonly MemoryPool<byte> _pool;
    private readonly PipeOptions _input;
    private readonly PipeOptions _output;
    private readonly ILogger _logger;

    public ClusterConnectionListener(
        ClusterListener listener, ConnectionDrain drain, SocketTransportOptions options, MemoryPool<byte> pool, ILogger logger)
    {
        _listener = listener;
        _drain = drain;
        _pool = pool;
        _logger = logger;
        listener.GiveBack = count => drain.GiveBack(listener, count);
        // The application has work items of the thread pool of its own, so that it may block. The loops never block: they run wherever
        // what they waited for happens, the sending ones together.
        _input = Options(options.MaxReadBufferSize, reader: PipeScheduler.ThreadPool, writer: PipeScheduler.Inline);
        _output = Options(options.MaxWriteBufferSize, reader: new SendScheduler(), writer: PipeScheduler.ThreadPool);
    }

    public EndPoint EndPoint => _listener.EndPoint;

    public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default)
    {
        var accepted = await _listener.AcceptConnectionAsync(cancellationToken).ConfigureAwait(false);
        if (accepted is null)
            return null;
        var connection = new ClusterTransportConnection(new TransportSocket(accepted), _drain, _pool, _input, _output, TimeProvider.System, _logger);
        connection.Start();
        return connection;
    }

    public ValueTask UnbindAsync(CancellationToken cancellationToken = default) => _listener.DisposeAsync();

    public async ValueTask DisposeAsync()
    {
        await _listener.DisposeAsync().ConfigureAwait(false);
        _pool.Dispose();
    }

    private PipeOptions Options(long? limit, PipeScheduler reader, PipeScheduler writer) =>
        new(_pool, reader, writer, limit ?? 0, (limit ?? 0) / 2, useSynchronizationContext: false);
}
