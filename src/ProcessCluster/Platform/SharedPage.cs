using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;

namespace ProcessCluster.Platform;

/// <summary>
/// Memory that the primary shares with one worker, so that each knows of the other without a message: how much the worker has to do, whose an offered connection
/// is, what goes on on those that shall outlive the worker, and which requests it shall refuse. A page of counts, then 64 bytes for each connection's number. It is a sealed <c>memfd</c>
/// (<c>man 2 memfd_create</c>): no side can shrink it under the other; what nobody has touched takes no memory.
/// Nothing in it is trusted: a worker that writes nonsense there is given too many connections or too few, or ends its own in the wrong way, and nothing else happens.
/// </summary>
internal sealed unsafe class SharedPage : IDisposable
{
    /// <summary>How many end points one worker can use.</summary>
    public const int MaxPorts = 512;

    /// <summary>How many offers can be under way to one worker.</summary>
    public const int MaxOffers = 8 * MaxPorts;

    /// <summary>More than a process can have: no sum of what workers claim runs over.</summary>
    private const int MaxCount = 1 << 20;

    /// <summary>Of a number's bits, those that say where in the table it is. The others tell it from those that were there before.</summary>
    public const int SlotBits = 20, SlotMask = (1 << SlotBits) - 1;

    /// <summary>In words of four bytes, each on a cache line of its own.</summary>
    private const int OpenAt = 0, BusyAt = 16, RoomWantedAt = 32, LookWantedAt = 48, ClosedAt = 64, QuarantinedAt = 80, RefusedAt = 96, CutAt = 112;

    /// <summary>How many requests can be in quarantine at the same time.</summary>
    public const int MaxQuarantined = 64;

    /// <summary>In bytes; those in quarantine begin there.</summary>
    private const int QuarantineAt = 1024;

    private const int HeaderSize = 4096, StateBits = 8;

    /// <summary>What becomes of an offer; from <see cref="Taken"/> on it is a <see cref="ClusterConnectionState"/> more.</summary>
    private const long Offered = 1, Revoked = 2, Closed = 3, Taken = 16;

    private readonly nuint _size;
    private int* _words;

    private SharedPage(int descriptor, nuint size)
    {
        var address = Libc.mmap(null, size, Libc.PROT_READ | Libc.PROT_WRITE, Libc.MAP_SHARED, descriptor, 0);
        if (address == Libc.MAP_FAILED)
            throw Libc.LastException("The memory that is shared with a worker could not be mapped");
        _words = (int*)address;
        _size = size;
        Slots = (int)((size - HeaderSize) / (nuint)sizeof(Slot));
    }

    /// <summary>A connection's place in the memory, on a cache line of its own.</summary>
    [StructLayout(LayoutKind.Sequential, Size = 64)]
    private struct Slot
    {
        /// <summary>The number and what becomes of it.</summary>
        public long Word;

        /// <summary>What the program says of its request: it is the same for what is alike. 0 is none.</summary>
        public long Fingerprint;

        /// <summary>Between which numbers of sent bytes the answer is; of the end twice that, and one more if the connection is busy after it.</summary>
        public long Begin, End;

        /// <summary>The closed one before it, counted from 1.</summary>
        public int NextClosed;

        /// <summary>What the request is called, in UTF-8, to a zero or the end.</summary>
        public RequestName Name;
    }

    /// <summary>A request in quarantine.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct Quarantined
    {
        /// <summary>0 is none.</summary>
        public long Fingerprint;

        /// <summary>Until when (<see cref="Stopwatch.GetTimestamp"/>: the kernel's monotonic clock, which all processes share).</summary>
        public long Until;
    }

    [InlineArray(RequestNameSize)]
    private struct RequestName
    {
        private byte _first;
    }

    private const int RequestNameSize = 28;

    /// <summary>How many numbers there are.</summary>
    public int Slots { get; }

    /// <summary>A new one, with the descriptor for the other side; the caller closes that.</summary>
    /// <param name="keptConnections">How many connections may outlive the worker.</param>
    /// <param name="descriptor">The other side's.</param>
    /// <exception cref="IOException">The system has no more memory or descriptors.</exception>
    public static SharedPage Create(int keptConnections, out int descriptor)
    {
        var size = HeaderSize + ((nuint)(MaxOffers + keptConnections) * (nuint)sizeof(Slot));
        descriptor = Libc.memfd_create("processcluster", Libc.MFD_CLOEXEC | Libc.MFD_ALLOW_SEALING);
        if (descriptor < 0
            || Libc.ftruncate(descriptor, (nint)size) < 0
            || Libc.fcntl(descriptor, Libc.F_ADD_SEALS, Libc.F_SEAL_SEAL | Libc.F_SEAL_SHRINK | Libc.F_SEAL_GROW) < 0)
        {
            throw Libc.LastException("The memory to share with a worker could not be made");
        }
        return new SharedPage(descriptor, size);
    }

    /// <summary>The other side's; closes the descriptor.</summary>
    /// <exception cref="IOException">It is none.</exception>
    public static SharedPage Map(int descriptor)
    {
        try
        {
            var size = Libc.lseek(descriptor, 0, Libc.SEEK_END);
            if (size < HeaderSize)
                throw Libc.LastException("The memory that is shared with the primary is not there");
            return new SharedPage(descriptor, (nuint)size);
        }
        finally
        {
            Libc.close(descriptor);
        }
    }

    /// <summary>How many connections are open in the worker.</summary>
    public int Open => Math.Clamp(Volatile.Read(ref _words[OpenAt]), 0, MaxCount);

    /// <summary>Requests that are being served, and connections that have not begun their first one.</summary>
    public int Busy => Math.Clamp(Volatile.Read(ref _words[BusyAt]), 0, MaxCount);

    /// <summary>The worker's: a connection was taken.</summary>
    public void ConnectionOpened() => Interlocked.Increment(ref _words[OpenAt]);

    /// <summary>The worker's: one was closed. True when the primary wants to be told of that, once.</summary>
    public bool ConnectionClosed()
    {
        Interlocked.Decrement(ref _words[OpenAt]);
        return Volatile.Read(ref _words[RoomWantedAt]) != 0 && Interlocked.Exchange(ref _words[RoomWantedAt], 0) != 0;
    }

    /// <summary>How many connections the worker has cut since its start.</summary>
    public int Cut => Volatile.Read(ref _words[CutAt]);

    /// <summary>The worker's, before <see cref="ConnectionClosed"/>: the one that is closed now did not end in order.</summary>
    public void ConnectionCut() => Interlocked.Increment(ref _words[CutAt]);

    /// <summary>The worker's: there is something to do.</summary>
    public void WorkBegins() => Interlocked.Increment(ref _words[BusyAt]);

    /// <summary>The worker's: it is done.</summary>
    public void WorkEnds() => Interlocked.Decrement(ref _words[BusyAt]);

    /// <summary>The primary's: wants to be told when the worker closes a connection. Look at <see cref="Open"/> after it.</summary>
    public void WantRoom() => Interlocked.Exchange(ref _words[RoomWantedAt], 1);

    /// <summary>The primary's, before the offer is sent.</summary>
    public void Offer(uint number)
    {
        ref var slot = ref SlotOf(number);
        slot.Fingerprint = 0;
        slot.Name[0] = 0;
        Volatile.Write(ref slot.Word, Word(number, Offered));
    }

    /// <summary>The worker's, before its program sees the connection: false when the primary has given it to another.</summary>
    public bool TryClaim(uint number, ClusterConnectionState state) =>
        (number & SlotMask) < Slots
        && Interlocked.CompareExchange(ref SlotOf(number).Word, Word(number, Taken + (long)state), Word(number, Offered)) == Word(number, Offered);

    /// <summary>The primary's: takes the offer back; false when the worker was faster.</summary>
    public bool TryRevoke(uint number) =>
        Interlocked.CompareExchange(ref SlotOf(number).Word, Word(number, Revoked), Word(number, Offered)) == Word(number, Offered);

    /// <summary>The primary's: the worker has claimed it, and may have closed it since.</summary>
    public bool IsClaimed(uint number) => Volatile.Read(ref SlotOf(number).Word) is var word && word >> StateBits == number && (byte)word >= Closed;

    /// <summary>The primary's: the worker has claimed it, and has not closed it since.</summary>
    public bool IsOpen(uint number) => Volatile.Read(ref SlotOf(number).Word) is var word && word >> StateBits == number && (byte)word >= Taken;

    /// <summary>The primary's: what goes on on a claimed connection. When in doubt nothing is known.</summary>
    public ClusterConnectionState StateOf(uint number)
    {
        var word = Volatile.Read(ref SlotOf(number).Word);
        var state = (ClusterConnectionState)((byte)word - Taken);
        return word >> StateBits == number && state is >= ClusterConnectionState.Unknown and <= ClusterConnectionState.Repeatable ? state : ClusterConnectionState.Unknown;
    }

    /// <summary>The worker's, of a connection that it has.</summary>
    public void Report(uint number, ClusterConnectionState state) => Volatile.Write(ref SlotOf(number).Word, Word(number, Taken + (long)state));

    /// <summary>The worker's: an answer is being sent on it, after which it is idle or busy. Each of the numbers is -1 when it is not known.</summary>
    public void ReportResponse(uint number, long begin, long end, ClusterConnectionState then)
    {
        ref var slot = ref SlotOf(number);
        Volatile.Write(ref slot.Begin, begin);
        Volatile.Write(ref slot.End, (end << 1) | (then == ClusterConnectionState.Idle ? 0L : 1L));
        Report(number, ClusterConnectionState.Responding);
    }

    /// <summary>The primary's: what the worker has said of the answer.</summary>
    public (long Begin, long End, ClusterConnectionState Then) ResponseOf(uint number)
    {
        ref var slot = ref SlotOf(number);
        var end = slot.End;
        return (slot.Begin, end >> 1, (end & 1) == 0 ? ClusterConnectionState.Idle : ClusterConnectionState.Busy);
    }

    /// <summary>The worker's: what is being done for the connection.</summary>
    public void ReportRequest(uint number, long fingerprint, ReadOnlySpan<byte> name)
    {
        ref var slot = ref SlotOf(number);
        name = name[..Math.Min(name.Length, RequestNameSize)];
        name.CopyTo(slot.Name);
        if (name.Length < RequestNameSize)
            slot.Name[name.Length] = 0;
        Volatile.Write(ref slot.Fingerprint, fingerprint);
    }

    /// <summary>The primary's: what was being done for the connection when its worker ended; 0 and no name when that was not said.</summary>
    public (long Fingerprint, string Name) RequestOf(uint number)
    {
        ref var slot = ref SlotOf(number);
        ReadOnlySpan<byte> name = slot.Name;
        var text = Encoding.UTF8.GetString(name.IndexOf((byte)0) is >= 0 and var end ? name[..end] : name);
        return (slot.Fingerprint, text.Any(char.IsControl) ? string.Concat(text.Select(static one => char.IsControl(one) ? '?' : one)) : text); // It is for a log.
    }

    /// <summary>The primary's: the worker refuses such requests from now on.</summary>
    /// <param name="place">Which of the <see cref="MaxQuarantined"/> it has.</param>
    /// <param name="fingerprint">What <see cref="ReportRequest"/> says of them; not 0.</param>
    /// <param name="until">When it serves them again, in the units of <see cref="Stopwatch.GetTimestamp"/>.</param>
    public void Quarantine(int place, long fingerprint, long until)
    {
        ref var entry = ref QuarantinedOf(place);
        Volatile.Write(ref entry.Until, until); // Before the fingerprint can be found.
        Volatile.Write(ref entry.Fingerprint, fingerprint);
        if (place >= _words[QuarantinedAt])
            Volatile.Write(ref _words[QuarantinedAt], place + 1);
    }

    /// <summary>The primary's: what has the place is served again.</summary>
    public void Lift(int place)
    {
        Volatile.Write(ref QuarantinedOf(place).Fingerprint, 0);
        var count = Math.Min(_words[QuarantinedAt], MaxQuarantined);
        while (count > 0 && QuarantinedOf(count - 1).Fingerprint == 0)
            count--;
        Volatile.Write(ref _words[QuarantinedAt], count);
    }

    /// <summary>The worker's: whether such requests are refused, and for how long yet. With none in quarantine it is one read.</summary>
    public bool IsQuarantined(long fingerprint, out TimeSpan remaining)
    {
        remaining = default;
        var count = Volatile.Read(ref _words[QuarantinedAt]);
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

    /// <summary>How many requests the worker has refused. It may run over.</summary>
    public int Refused => Volatile.Read(ref _words[RefusedAt]);

    /// <summary>The worker's: it refuses a request.</summary>
    public void Refuse() => Interlocked.Increment(ref _words[RefusedAt]);

    /// <summary>The worker's: a connection that the primary keeps a copy of is closed. Nothing may be said of it after that.</summary>
    public void Close(uint number)
    {
        ref var slot = ref SlotOf(number);
        Volatile.Write(ref slot.Word, Word(number, Closed));
        var mine = (int)(number & SlotMask) + 1;
        int first;
        do
        {
            first = Volatile.Read(ref _words[ClosedAt]);
            slot.NextClosed = first;
        }
        while (Interlocked.CompareExchange(ref _words[ClosedAt], mine, first) != first);
    }

    /// <summary>The primary's: where the first of those is that were closed since the last call, -1 when there is none. The worker forgets them.</summary>
    public int TakeClosed() => Inside(Interlocked.Exchange(ref _words[ClosedAt], 0));

    /// <summary>The primary's: where the next of them is; -1 at the end. To be called before the number of this one is used again.</summary>
    public int NextClosed(int slot) => Inside(SlotAt(slot).NextClosed);

    /// <summary>The primary's: wants to be told of the next claim or close. Look at them after it.</summary>
    public void WantLook() => Interlocked.Exchange(ref _words[LookWantedAt], 1);

    /// <summary>The worker's, after a claim or a close. True when the primary wants to be told, once: until it has looked it sees the further ones, too.</summary>
    public bool ShallTell() => Interlocked.Exchange(ref _words[LookWantedAt], 0) != 0;

    /// <summary>After it nothing may be read or written.</summary>
    public void Dispose()
    {
        if (_words is null)
            return;
        _ = Libc.munmap(_words, _size);
        _words = null;
    }

    private static long Word(uint number, long state) => ((long)number << StateBits) | state;

    private int Inside(int fromOne) => fromOne > 0 && fromOne <= Slots ? fromOne - 1 : -1;

    private ref Quarantined QuarantinedOf(int place) => ref ((Quarantined*)((byte*)_words + QuarantineAt))[place];

    private ref Slot SlotOf(uint number) => ref SlotAt((int)(number & SlotMask));

    private ref Slot SlotAt(int slot) => ref ((Slot*)((byte*)_words + HeaderSize))[slot];
}
