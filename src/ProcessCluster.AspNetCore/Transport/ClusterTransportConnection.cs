using System.Buffers;
using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging;
using ProcessCluster.AspNetCore.Draining;
using ProcessCluster.AspNetCore.Http1;
using ProcessCluster.AspNetCore.Survival;

namespace ProcessCluster.AspNetCore.Transport;

/// <summary>
/// A connection as Kestrel wants it: two pipes, a loop that receives into one and a loop that sends from the other. While it waits for
/// data it holds no buffer.
/// </summary>
internal sealed partial class ClusterTransportConnection : ConnectionContext
{
    /// <summary>The time between two attempts to move, when more connections move at once than the socket to the primary takes.</summary>
    private static readonly TimeSpan MoveRetry = TimeSpan.FromMilliseconds(5);

    private static readonly TimeSpan MovePatience = TimeSpan.FromSeconds(5);

    private readonly ITransportSocket _socket;
    private readonly ConnectionDrain _drain;
    private readonly ConnectionLifetime _drained;
    private readonly PipeScheduler _scheduler;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly DuplexPipe _application;
    private readonly IDuplexPipe _original;
    private readonly CancellationTokenSource _closed = new();
    private readonly TaskCompletionSource _closedRaised = new();
    private readonly Lock _shutdownGate = new();
    private Exception? _shutdownReason;
    private bool _isShutdown;
    private bool _isDetached;
    private long _received;
    private long _sent;
    private Task _receiving = Task.CompletedTask;
    private Task _sending = Task.CompletedTask;

    public ClusterTransportConnection(
        ITransportSocket socket, ConnectionDrain drain, MemoryPool<byte> pool, PipeOptions input, PipeOptions output, TimeProvider time, ILogger logger)
    {
        _socket = socket;
        _drain = drain;
        MemoryPool = pool;
        _scheduler = input.ReaderScheduler;
        _time = time;
        _logger = logger;
        _drained = new ConnectionLifetime(drain, socket, () => Transport != _original);
        var inputPipe = new Pipe(input);
        var outputPipe = new Pipe(output);
        var reader = inputPipe.Reader;
        var writer = outputPipe.Writer;
        if (drain.MovesConnections || socket.CanSurvive)
        {
            var tracked = new CountingPipeReader(reader, MoreIsWanted);
            var written = socket.CanSurvive ? new CountingPipeWriter(writer) : null;
            _drained.Move = new IdleDetector(_drained, tracked, written);
            if (written is not null)
            {
                _drained.Left = drain.ReplaysIdempotent ? new UnconsumedRequest(socket) : null;
                _drained.Report = new ConnectionStateReporter(socket, _drained.Move, _drained.Left);
            }
            reader = tracked;
            writer = written ?? writer;
        }
        if (socket.CanSurvive || drain.QuarantinesRequests)
            _drained.Request = new RequestLabel(socket) { Replay = _drained.Left is null ? null : _drained.Report };
        _original = Transport = new DuplexPipe(reader, writer);
        _application = new DuplexPipe(outputPipe.Reader, inputPipe.Writer);
        ConnectionClosed = _closed.Token;
        drain.Add(_drained);
    }

    public override IDuplexPipe Transport { get; set; }

    public override CancellationToken ConnectionClosed { get; set; }

    public override EndPoint? LocalEndPoint
    {
        get => field ??= _socket.LocalEndPoint;
        set;
    }

    public override EndPoint? RemoteEndPoint
    {
        get => field ??= _socket.RemoteEndPoint;
        set;
    }

    public void Start()
    {
        _sending = SendAsync();
        _receiving = ReceiveAsync();
    }

    public override void Abort(ConnectionAbortedException abortReason)
    {
        Shutdown(abortReason);
        _application.Input.CancelPendingRead(); // The sending loop may wait for the application.
    }

    public override async ValueTask DisposeAsync()
    {
        await _original.Input.CompleteAsync().ConfigureAwait(false);
        await _original.Output.CompleteAsync().ConfigureAwait(false);
        await _receiving.ConfigureAwait(false);
        await _sending.ConfigureAwait(false);
        if (_isDetached)
            await MoveAsync().ConfigureAwait(false);
        _drain.Remove(_drained);
        _socket.Dispose();
        _closed.Dispose();
        await base.DisposeAsync().ConfigureAwait(false);
    }

    /// <summary>Both loops have ended, and everything that was written is with the kernel.</summary>
    private async Task MoveAsync()
    {
        if (!_drained.CanGoOnElsewhere)
        {
            _socket.Shutdown(receivingToo: true); // Its program has begun to speak when it was already let go of.
            return;
        }
        _drained.Left?.Discard(); // Everything that Kestrel got is dealt with.
        // The primary takes it at once, or is behind with others; should it be gone or want it no more, the connection ends here.
        for (var since = _time.GetTimestamp(); !_socket.TryMove(); await Task.Delay(MoveRetry, _time).ConfigureAwait(false))
        {
            if (!_socket.CanMove || _time.GetElapsedTime(since) > MovePatience)
            {
                _socket.Shutdown(receivingToo: true);
                return;
            }
        }
    }

    private async Task SendAsync()
    {
        var output = _application.Input;
        Exception? reason = null;
        Exception? unexpected = null;
        try
        {
            while (true)
            {
                var result = await output.ReadAsync().ConfigureAwait(false);
                if (result.IsCanceled)
                    break;
                var buffer = result.Buffer;
                if (!buffer.IsEmpty)
                    _drained.SendingBegins(_sent + buffer.Length);
                while (!buffer.IsEmpty)
                {
                    if (_socket.TrySend(buffer, out var sent))
                        buffer = buffer.Slice(sent);
                    else if (!await _socket.WaitToSendAsync().ConfigureAwait(false))
                        return;
                }
                if (!result.Buffer.IsEmpty)
                    _drained.SendingEnds(_sent += result.Buffer.Length);
                output.AdvanceTo(result.Buffer.End);
                if (result.IsCompleted)
                    break;
            }
        }
        catch (SocketException exception) when (IsReset(exception))
        {
            reason = new ConnectionResetException(exception.Message, exception);
            LogReset(_logger, ConnectionId);
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
        {
            reason = exception;
            unexpected = exception;
        }
        finally
        {
            if (reason is null && _drained.Lingers)
                await _receiving.WaitAsync(_drained.Linger, _time).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            Shutdown(reason);
            await output.CompleteAsync(unexpected).ConfigureAwait(false);
            _application.Output.CancelPendingFlush(); // The receiving loop may wait for the application.
        }
    }

    /// <summary>Ends both directions. The first reason is the one that the application sees.</summary>
    private void Shutdown(Exception? reason)
    {
        lock (_shutdownGate)
        {
            if (_isShutdown || (_isDetached && reason is null))
                return;
            _isShutdown = true;
            _isDetached = false;
            _shutdownReason = reason ?? new ConnectionAbortedException("The connection was ended by the application.");
            if (reason is not null)
            {
                _socket.Abort(); // As Kestrel's own transport: what ends by an error is reset, so that nobody takes a part for the whole.
                return;
            }
            if (_drained.Left is not null)
                _drained.Report!.Ends(); // Unread bytes would make a reset of the close.
            // The primary may hold a copy of the connection for a moment longer: only a shutdown says the end at once.
            _socket.Shutdown(receivingToo: true);
        }
    }

    /// <summary>Runs the callbacks of <see cref="ConnectionClosed"/> where the application runs.</summary>
    private void RaiseClosed() =>
        _scheduler.Schedule(
            static state =>
            {
                var connection = (ClusterTransportConnection)state!;
                try
                {
                    connection._closed.Cancel();
                }
                catch (AggregateException exception)
                {
                    LogHandlerFailed(connection._logger, connection.ConnectionId, exception);
                }
                connection._closedRaised.SetResult();
            },
            this);

    private static bool IsReset(SocketException exception) =>
        exception.SocketErrorCode is SocketError.ConnectionReset or SocketError.ConnectionAborted or SocketError.Shutdown;

    private sealed class DuplexPipe(PipeReader input, PipeWriter output) : IDuplexPipe
    {
        public PipeReader Input { get; } = input;

        public PipeWriter Output { get; } = output;
    }

    [LoggerMessage(101, LogLevel.Debug, "Connection {ConnectionId}: the client has sent all that it will.")]
    private static partial void LogEnd(ILogger logger, string connectionId);

    [LoggerMessage(102, LogLevel.Debug, "Connection {ConnectionId}: reset by the client.")]
    private static partial void LogReset(ILogger logger, string connectionId);

    [LoggerMessage(103, LogLevel.Error, "Connection {ConnectionId}: a callback of ConnectionClosed threw.")]
    private static partial void LogHandlerFailed(ILogger logger, string connectionId, Exception exception);
}
