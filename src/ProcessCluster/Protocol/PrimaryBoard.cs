using System.Text;
using ProcessCluster.Linux.Files;

namespace ProcessCluster.Protocol;

/// <summary>The primary's view of the memory that it shares with a worker. Valid until the memory is disposed.</summary>
internal sealed unsafe class PrimaryBoard(MemoryBlock memory) : Board(memory)
{
    /// <summary>More than a process can have: no sum of what workers claim runs over.</summary>
    private const int MaxCount = 1 << 20;

    /// <summary>Gets the number of connections that are open in the worker.</summary>
    public int Open => Math.Clamp(Volatile.Read(ref Words[OpenAt]), 0, MaxCount);

    /// <summary>Gets the number of requests that are being served, and of connections that have not begun their first one.</summary>
    public int Busy => Math.Clamp(Volatile.Read(ref Words[BusyAt]), 0, MaxCount);

    /// <summary>Gets the number of connections that the worker has cut since its start.</summary>
    public int Cut => Volatile.Read(ref Words[CutAt]);

    /// <summary>Gets the number of requests that the worker has refused. It may wrap around.</summary>
    public int Refused => Volatile.Read(ref Words[RefusedAt]);

    /// <summary>Asks for a notice when the worker closes a connection. Read <see cref="Open"/> after it.</summary>
    public void RequestRoomNotice() => Interlocked.Exchange(ref Words[RoomNoticeAt], 1);

    /// <summary>Asks for a notice of the next claim or close. Read them after it.</summary>
    public void RequestNotice() => Interlocked.Exchange(ref Words[NoticeAt], 1);

    /// <summary>Prepares the entry, before the offer is sent.</summary>
    public void Offer(uint number)
    {
        ref var entry = ref EntryOf(number);
        entry.Fingerprint = 0;
        entry.Name[0] = 0;
        Volatile.Write(ref entry.Word, Word(number, Offered));
    }

    /// <summary>Takes the offer back. Returns false when the worker was faster.</summary>
    public bool TryRevoke(uint number) =>
        Interlocked.CompareExchange(ref EntryOf(number).Word, Word(number, Revoked), Word(number, Offered)) == Word(number, Offered);

    /// <summary>Returns whether the worker has claimed it. It may have closed it since.</summary>
    public bool IsClaimed(uint number) => Volatile.Read(ref EntryOf(number).Word) is var word && word >> StateBits == number && (byte)word >= Closed;

    /// <summary>Returns whether the worker has claimed it, and has not closed it since.</summary>
    public bool IsOpen(uint number) => Volatile.Read(ref EntryOf(number).Word) is var word && word >> StateBits == number && (byte)word >= Taken;

    /// <summary>Returns the state of a claimed connection; <see cref="ClusterConnectionState.Unknown"/> when in doubt.</summary>
    public ClusterConnectionState StateOf(uint number)
    {
        var word = Volatile.Read(ref EntryOf(number).Word);
        var state = (ClusterConnectionState)((byte)word - Taken);
        return word >> StateBits == number && state is >= ClusterConnectionState.Unknown and <= ClusterConnectionState.Repeatable ? state : ClusterConnectionState.Unknown;
    }

    /// <summary>Returns the place of the response that the worker has reported, and the connection's state after it.</summary>
    public (long Begin, long End, ClusterConnectionState Then) ResponseOf(uint number)
    {
        ref var entry = ref EntryOf(number);
        var end = entry.End;
        return (entry.Begin, end >> 1, (end & 1) == 0 ? ClusterConnectionState.Idle : ClusterConnectionState.Busy);
    }

    /// <summary>Returns the request that was being served when the worker ended; 0 and no name when the worker has reported none.</summary>
    public (long Fingerprint, string Name) RequestOf(uint number)
    {
        ref var entry = ref EntryOf(number);
        ReadOnlySpan<byte> name = entry.Name;
        var text = Encoding.UTF8.GetString(name.IndexOf((byte)0) is >= 0 and var end ? name[..end] : name);
        // It is for a log.
        return (entry.Fingerprint, text.Any(char.IsControl) ? string.Concat(text.Select(static one => char.IsControl(one) ? '?' : one)) : text);
    }

    /// <summary>Has the worker refuse such requests from now on.</summary>
    /// <param name="place">The place among the <see cref="Board.MaxQuarantined"/>.</param>
    /// <param name="fingerprint">The requests; not 0.</param>
    /// <param name="until">The end, in the units of <see cref="System.Diagnostics.Stopwatch.GetTimestamp"/>.</param>
    public void Quarantine(int place, long fingerprint, long until)
    {
        ref var entry = ref QuarantinedOf(place);
        Volatile.Write(ref entry.Until, until); // Before the fingerprint can be found.
        Volatile.Write(ref entry.Fingerprint, fingerprint);
        if (place >= Words[QuarantinedAt])
            Volatile.Write(ref Words[QuarantinedAt], place + 1);
    }

    /// <summary>Has the worker serve such requests again.</summary>
    public void Lift(int place)
    {
        Volatile.Write(ref QuarantinedOf(place).Fingerprint, 0);
        var count = Math.Min(Words[QuarantinedAt], MaxQuarantined);
        while (count > 0 && QuarantinedOf(count - 1).Fingerprint == 0)
            count--;
        Volatile.Write(ref Words[QuarantinedAt], count);
    }

    /// <summary>Takes the list of connections that were closed since the last call. Returns the first one's index, or -1.</summary>
    public int TakeClosed() => Inside(Interlocked.Exchange(ref Words[ClosedAt], 0));

    /// <summary>Returns the next index of the list, or -1 at its end. Call it before the number of this one is used again.</summary>
    public int NextClosed(int index) => Inside(EntryAt(index).NextClosed);

    private int Inside(int fromOne) => fromOne > 0 && fromOne <= Capacity ? fromOne - 1 : -1;
}
