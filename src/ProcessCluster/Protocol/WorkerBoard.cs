using System.Diagnostics;
using ProcessCluster.Linux.Files;

namespace ProcessCluster.Protocol;

/// <summary>The worker's view of the memory that it shares with the primary. Valid until the memory is disposed. Thread-safe.</summary>
internal sealed unsafe class WorkerBoard(MemoryBlock memory) : Board(memory)
{
    /// <summary>Stands for a number of bytes that is not known.</summary>
    private const long Unknown = -1;

    /// <summary>Counts a connection that the worker has taken.</summary>
    public void ConnectionOpened() => Interlocked.Increment(ref Words[OpenAt]);

    /// <summary>Counts a connection that is closed. Returns whether the primary has asked for a notice, once.</summary>
    public bool ConnectionClosed()
    {
        Interlocked.Decrement(ref Words[OpenAt]);
        return Volatile.Read(ref Words[RoomNoticeAt]) != 0 && Interlocked.Exchange(ref Words[RoomNoticeAt], 0) != 0;
    }

    /// <summary>Counts a connection that does not end in order. Comes before <see cref="ConnectionClosed"/>.</summary>
    public void ConnectionCut() => Interlocked.Increment(ref Words[CutAt]);

    /// <summary>Counts a request that begins.</summary>
    public void WorkBegins() => Interlocked.Increment(ref Words[BusyAt]);

    /// <summary>Counts a request that ends.</summary>
    public void WorkEnds() => Interlocked.Decrement(ref Words[BusyAt]);

    /// <summary>Claims an offer, before the program sees the connection. Returns false when the primary has given it to another worker.</summary>
    public bool TryClaim(uint number, ClusterConnectionState state) =>
        IndexOf(number) < Capacity
        && Interlocked.CompareExchange(ref EntryOf(number).Word, Word(number, Taken + (long)state), Word(number, Offered)) == Word(number, Offered);

    /// <summary>Reports the state of a connection that the worker has.</summary>
    public void Report(uint number, ClusterConnectionState state)
    {
        if (state == ClusterConnectionState.Responding)
            ReportResponse(number, Unknown, Unknown, ClusterConnectionState.Idle); // The place of an earlier response must not be taken for this one's.
        else
            Write(number, state);
    }

    /// <summary>Reports a response that is being sent, and the connection's state after it. A place that is not known is -1.</summary>
    public void ReportResponse(uint number, long begin, long end, ClusterConnectionState then)
    {
        ref var entry = ref EntryOf(number);
        Volatile.Write(ref entry.Begin, begin);
        Volatile.Write(ref entry.End, (end << 1) | (then == ClusterConnectionState.Idle ? 0L : 1L));
        Write(number, ClusterConnectionState.Responding);
    }

    /// <summary>Reports the request that is being served.</summary>
    public void ReportRequest(uint number, long fingerprint, ReadOnlySpan<byte> name)
    {
        ref var entry = ref EntryOf(number);
        name = name[..Math.Min(name.Length, RequestNameSize)];
        name.CopyTo(entry.Name);
        if (name.Length < RequestNameSize)
            entry.Name[name.Length] = 0;
        Volatile.Write(ref entry.Fingerprint, fingerprint);
    }

    /// <summary>Returns whether such requests are refused, and for how long yet. With none in quarantine it costs one read.</summary>
    public bool IsQuarantined(long fingerprint, out TimeSpan remaining)
    {
        remaining = default;
        var count = Volatile.Read(ref Words[QuarantinedAt]);
        if (count <= 0 || fingerprint == 0)
            return false;
        for (var place = 0; place < Math.Min(count, MaxQuarantined); place++)
        {
            ref var entry = ref QuarantinedOf(place);
            if (Volatile.Read(ref entry.Fingerprint) != fingerprint)
                continue;
            remaining = Stopwatch.GetElapsedTime(Stopwatch.GetTimestamp(), Volatile.Read(ref entry.Until));
            return remaining > TimeSpan.Zero;
        }
        return false;
    }

    /// <summary>Counts a request that the worker refuses.</summary>
    public void Refuse() => Interlocked.Increment(ref Words[RefusedAt]);

    /// <summary>Closes a connection that the primary keeps a copy of. Nothing may be reported of it afterwards.</summary>
    public void Close(uint number)
    {
        ref var entry = ref EntryOf(number);
        Volatile.Write(ref entry.Word, Word(number, Closed));
        var mine = IndexOf(number) + 1;
        int first;
        do
        {
            first = Volatile.Read(ref Words[ClosedAt]);
            entry.NextClosed = first;
        }
        while (Interlocked.CompareExchange(ref Words[ClosedAt], mine, first) != first);
    }

    /// <summary>Returns whether the primary wants a notice of a claim or a close, once: until it has read the board, it sees later ones too.</summary>
    public bool TakeNoticeRequest() => Interlocked.Exchange(ref Words[NoticeAt], 0) != 0;

    private void Write(uint number, ClusterConnectionState state) => Volatile.Write(ref EntryOf(number).Word, Word(number, Taken + (long)state));
}
