using System.Buffers;
using System.Net;
using System.Net.Sockets;
using ProcessCluster.AspNetCore.Transport;
using ProcessCluster.Connections.Readiness;

namespace ProcessCluster.AspNetCore.Tests;

/// <summary>
/// The connection as the transport of a worker sees it, over a model of the kernel. At each call the worker may end, and where the caller holds no lock, other threads may run.
/// </summary>
internal sealed class ModelSocket(Schedule schedule, ModelWorker worker) : ITransportSocket
{
    private readonly ReadinessSignal _readable = new();
    private readonly ReadinessSignal _writable = new();
    private bool _isWatched;
    private bool _isReadinessUnderWay;
    private bool _hasBegun;
    private bool _isCounted;
    private bool _isDisposed;
    private bool _hasNews;
    private int _known;

    /// <summary>Gets whether the transport has been woken by readiness and does not wait again yet.</summary>
    public bool IsLooking { get; private set; }

    /// <summary>Gets whether the first line was there when the first bytes were looked at: then it is known what is spoken.</summary>
    public bool BeginsAsHttp1 { get; private set; }

    public EndPoint? LocalEndPoint => null;

    public EndPoint? RemoteEndPoint => null;

    public Socket Socket => throw new NotSupportedException();

    public bool CanSurvive => true;

    public bool CanMove => !_isDisposed;

    public int Available => schedule.Unreceived.Length;

    public bool WasWoken
    {
        get
        {
            IsLooking = !_readable.WasWoken;
            return _readable.WasWoken;
        }
    }

    /// <summary>Gets false: the client does not end the stream. The transport asks when it has received something, without a lock.</summary>
    public bool HasReceivedEnd
    {
        get
        {
            if (_hasNews)
                schedule.Interleave(worker);
            _hasNews = false;
            return false;
        }
    }

    private bool IsIdleOnBoard => worker.Board.StateOf(worker.Number) is ClusterConnectionState.Idle or ClusterConnectionState.Repeatable;

    public bool IsOf(ClusterListener listener) => false;

    /// <summary>Tells the worker that bytes are there, as the kernel does when some come.</summary>
    public void BytesCame()
    {
        // The kernel may tell of several arrivals at once, and of bytes that are received meanwhile.
        if (!_isWatched || (_isReadinessUnderWay && schedule.Random.Next(4) != 0))
            return;
        _isReadinessUnderWay = true;
        worker.Steps.Schedule(() =>
        {
            _isReadinessUnderWay = false;
            _readable.Set();
        });
    }

    public void Wake() => worker.Steps.Schedule(_readable.Wake);

    public ValueTask<bool> WaitToReceiveAsync()
    {
        IsLooking = false;
        if (worker.IsGone)
            return new ValueTask<bool>(false);
        if (!_isWatched)
        {
            _isWatched = true;
            if (Available > 0)
                BytesCame();
        }
        return _readable.WaitAsync();
    }

    public bool TryPeek(Span<byte> buffer, out int peeked)
    {
        // Before the first byte the transport looks without a lock; after that UnconsumedRequest does, with one.
        if (!_hasBegun)
            schedule.Interleave(worker);
        peeked = 0;
        if (schedule.Dies())
            return false;
        peeked = Math.Min(buffer.Length, Available);
        schedule.Unreceived[..peeked].CopyTo(buffer);
        if (_hasBegun)
        {
            _hasNews = peeked > _known;
            _known = peeked;
        }
        else if (peeked > 0)
        {
            _hasBegun = true;
            BeginsAsHttp1 = buffer[..peeked].IndexOf("\r\n"u8) >= 0;
            schedule.Interleave(worker);
        }
        return peeked > 0 && !schedule.Dies();
    }

    public bool TryReceive(Span<byte> buffer, out int received)
    {
        if (!schedule.Replays)
            schedule.Interleave(worker);
        received = 0;
        if (schedule.Dies() || Available == 0)
            return false;
        received = Math.Min(buffer.Length, Available);
        schedule.Unreceived[..received].CopyTo(buffer);
        Take(received);
        _hasNews = true;
        if (!schedule.Replays)
            schedule.Interleave(worker);
        schedule.Dies();
        return true;
    }

    public void Discard(int count)
    {
        if (schedule.Dies())
            return;
        if (count > Available)
            schedule.Fail("More is thrown away than there is");
        Take(Math.Min(count, Available));
        schedule.Dies();
    }

    public ValueTask<bool> WaitToSendAsync()
    {
        if (worker.IsGone)
            return new ValueTask<bool>(false);
        worker.Steps.Schedule(_writable.Set);
        return _writable.WaitAsync();
    }

    public bool TrySend(in ReadOnlySequence<byte> buffers, out int sent)
    {
        sent = 0;
        schedule.Interleave(worker);
        if (schedule.Dies() || schedule.Random.Next(10) == 0)
            return false;
        sent = schedule.Random.Next(3) == 0 ? schedule.Random.Next(1, (int)buffers.Length + 1) : (int)buffers.Length;
        schedule.Client.Receive(buffers.Slice(0, sent).ToArray());
        schedule.Interleave(worker);
        return !schedule.Dies();
    }

    public void Report(ClusterConnectionState state)
    {
        if (_isDisposed || schedule.Dies())
            return;
        worker.Reports.Report(worker.Number, state);
        schedule.Dies();
    }

    public void ReportResponse(long begin, long end, ClusterConnectionState then)
    {
        if (_isDisposed || schedule.Dies())
            return;
        worker.ReportResponse(begin, end, then);
        schedule.Dies();
    }

    public void ReportRequest(long fingerprint, ReadOnlySpan<byte> name)
    {
        schedule.Interleave(worker);
        if (!_isDisposed && !schedule.Dies())
            worker.Reports.ReportRequest(worker.Number, fingerprint, name);
        schedule.Interleave(worker);
    }

    public bool IsQuarantined(long fingerprint, out TimeSpan remaining)
    {
        schedule.Interleave(worker);
        return worker.Reports.IsQuarantined(fingerprint, out remaining);
    }

    public void TrackRequests()
    {
        schedule.Interleave(worker);
        if (_isCounted || worker.IsMoved)
            return;
        _isCounted = true;
        worker.Reports.IsKnown();
    }

    public bool TryMove()
    {
        schedule.Interleave(worker);
        if (schedule.Dies() || schedule.Random.Next(4) == 0)
            return false;
        schedule.Moved(worker);
        return true;
    }

    public void Shutdown(bool receivingToo)
    {
        if (!schedule.Dies())
            schedule.Closed();
        CloseSignals();
    }

    public void Abort()
    {
        schedule.Fail("A worker resets the connection");
        CloseSignals();
    }

    public void Dispose()
    {
        _isDisposed = true;
        CloseSignals();
    }

    private void CloseSignals()
    {
        _readable.Close();
        _writable.Close();
    }

    private void Take(int count)
    {
        if (IsIdleOnBoard)
            schedule.Fail("Bytes are taken that another worker may need");
        schedule.Taken += count;
        _known = 0;
    }
}
