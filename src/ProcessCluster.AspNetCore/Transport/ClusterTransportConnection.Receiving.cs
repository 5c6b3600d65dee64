using System.Buffers;
using System.IO.Pipelines;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;

namespace ProcessCluster.AspNetCore.Transport;

/// <summary>The loop that receives, which alone can let go of the connection.</summary>
internal sealed partial class ClusterTransportConnection
{
    /// <summary>Half of a block of the pool: less room left, and the pipe takes another block.</summary>
    private const int MinimumReceiveBuffer = 2048;

    [ThreadStatic]
    private static byte[]? _firstBuffer;

    /// <summary>The thread's, for what must not hold a buffer of the pool.</summary>
    private static byte[] FirstBuffer => _firstBuffer ??= new byte[2 * MinimumReceiveBuffer];

    private async Task ReceiveAsync()
    {
        var input = _application.Output;
        Exception? error = null;
        try
        {
            if (TryBeginReceiving() && TryReceiveFirst(input))
            {
                var result = await input.FlushAsync().ConfigureAwait(false);
                if (result.IsCompleted || result.IsCanceled)
                    return;
            }
            _drained.ReceivingEnds(_received);
            while (await _socket.WaitToReceiveAsync().ConfigureAwait(false))
            {
                if (TryDetach())
                    return;
                if (_socket.WasWoken || !TryBeginReceiving())
                    continue; // Nothing has come.
                var more = true;
                while (more)
                {
                    var buffer = input.GetMemory(MinimumReceiveBuffer);
                    if (!TryReceive(buffer.Span, out var received))
                        break;
                    if (received == 0)
                    {
                        LogEnd(_logger, ConnectionId);
                        return;
                    }
                    // A buffer that was not filled means that nothing is left; what comes later raises the next readiness.
                    more = received == buffer.Length || _socket.HasReceivedEnd;
                    Received(received, more);
                    input.Advance(received);
                    var result = await input.FlushAsync().ConfigureAwait(false);
                    if (result.IsCompleted || result.IsCanceled)
                    {
                        await DiscardAsync().ConfigureAwait(false); // The application has ended the connection.
                        return;
                    }
                }
                _drained.ReceivingEnds(_received);
            }
        }
        catch (SocketException exception) when (IsReset(exception))
        {
            error = new ConnectionResetException(exception.Message, exception);
            LogReset(_logger, ConnectionId);
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
        {
            // After a shutdown on this side any error may come up; it says nothing new.
            error = exception;
        }
        finally
        {
            await input.CompleteAsync(_shutdownReason ?? error).ConfigureAwait(false);
            if (_isDetached)
                await _sending.ConfigureAwait(false); // Kestrel ends in order what it has not been told to abort.
            RaiseClosed();
            await _closedRaised.Task.ConfigureAwait(false);
        }
    }

    /// <summary>
    /// On its way through the primary a connection has nearly always received its first request: then there is nothing to wait for. One
    /// that has not must not hold a buffer of the pool, so that this one is the thread's.
    /// </summary>
    private bool TryReceiveFirst(PipeWriter input)
    {
        var buffer = FirstBuffer;
        if (!TryReceive(buffer, out var received) || received == 0)
            return false; // The end will be seen when it is waited for.
        input.Write(buffer.AsSpan(0, received));
        Received(received, more: false);
        return true;
    }

    /// <summary>
    /// Before a byte is taken it is said what becomes of the connection when this process ends over it. Of the first bytes that is not known before they were looked at: until then they are
    /// with the kernel, and another worker could have them. False when nothing is there.
    /// </summary>
    private bool TryBeginReceiving()
    {
        if (_received == 0 && _drained.Report is not null)
        {
            if (!_socket.TryPeek(FirstBuffer, out var peeked))
                return false;
            _drained.BeginsWith(FirstBuffer.AsSpan(0, peeked));
        }
        _drained.ReceivingBegins();
        return true;
    }

    private bool TryReceive(Span<byte> buffer, out int received) =>
        _drained.Left is { } left ? left.TryReceive(buffer, out received) : _socket.TryReceive(buffer, out received);

    private void Received(int count, bool more)
    {
        _received += count;
        _drained.Received(_received, isAll: !more);
    }

    /// <summary>Kestrel waits for the next bytes: if the connection shall go, now may be the moment.</summary>
    private void MoreIsWanted()
    {
        _drained.Move!.Waits();
        _drained.Report?.Recheck();
        if (_drained.Move.IsWanted)
            _socket.Wake();
    }

    /// <summary>
    /// Lets go of the connection if Kestrel is done with all that was received. Nothing more is received; what Kestrel sees is the end of the stream, and what it
    /// has written is still sent.
    /// </summary>
    private bool TryDetach()
    {
        if (_drained.Move is not { } move || !move.IsPossible(_received))
            return false;
        lock (_shutdownGate)
        {
            if (_isShutdown)
                return false;
            return _isDetached = true;
        }
    }

    /// <summary>Discards the bytes of a connection that lingers, until it ends.</summary>
    private async Task DiscardAsync()
    {
        while (_drained.Lingers && await _socket.WaitToReceiveAsync().ConfigureAwait(false))
        {
            while (_socket.TryReceive(FirstBuffer, out var received))
            {
                if (received == 0)
                    return;
            }
        }
    }
}
