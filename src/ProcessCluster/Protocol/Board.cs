using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using ProcessCluster.Linux.Files;

namespace ProcessCluster.Protocol;

/// <summary>
/// The layout of the memory that the primary shares with one worker: a page of counts and of requests in quarantine, then an entry of 64 bytes for each connection's number.
/// Each side has a view of its own, <see cref="PrimaryBoard"/> and <see cref="WorkerBoard"/>. The primary trusts nothing in it: a worker that writes nonsense gets too many connections or too few,
/// or ends its own in the wrong way, and nothing else happens.
/// </summary>
internal abstract unsafe class Board(MemoryBlock memory)
{
    /// <summary>The number of end points that one worker can use.</summary>
    public const int MaxPorts = 512;

    /// <summary>The number of offers that can be under way to one worker.</summary>
    public const int MaxOffers = 8 * MaxPorts;

    /// <summary>The bits of a connection's number that are its index in the table. The others tell it from earlier connections with the same index.</summary>
    public const int IndexBits = 20, IndexMask = (1 << IndexBits) - 1;

    /// <summary>The number of requests that can be in quarantine at the same time.</summary>
    public const int MaxQuarantined = 64;

    protected const int RequestNameSize = 28, StateBits = 8;

    /// <summary>The states of an offer; from <see cref="Taken"/> on a <see cref="ClusterConnectionState"/> is added.</summary>
    protected const long Offered = 1, Revoked = 2, Closed = 3, Taken = 16;

    /// <summary>Indexes of the counts, in words of four bytes. Each is on a cache line of its own.</summary>
    protected const int OpenAt = 0, BusyAt = 16, RoomNoticeAt = 32, NoticeAt = 48, ClosedAt = 64, QuarantinedAt = 80, RefusedAt = 96, CutAt = 112;

    /// <summary>The offset of the requests in quarantine, in bytes.</summary>
    private const int QuarantineAt = 1024;

    private const int HeaderSize = 4096;

    /// <summary>A connection, on a cache line of its own.</summary>
    [StructLayout(LayoutKind.Sequential, Size = 64)]
    protected struct Entry
    {
        /// <summary>The connection's number and its state.</summary>
        public long Word;

        /// <summary>The request that is being served; the same for requests that are alike. 0 is none.</summary>
        public long Fingerprint;

        /// <summary>The response's place among the bytes sent. The end is doubled, and one more if the connection is busy after it.</summary>
        public long Begin, End;

        /// <summary>The index of the connection that was closed before this one, plus one.</summary>
        public int NextClosed;

        /// <summary>The request's name in UTF-8, up to a zero or the end.</summary>
        public RequestName Name;
    }

    /// <summary>A request in quarantine.</summary>
    [StructLayout(LayoutKind.Sequential)]
    protected struct Quarantined
    {
        /// <summary>0 is none.</summary>
        public long Fingerprint;

        /// <summary>The end of the quarantine (<see cref="System.Diagnostics.Stopwatch.GetTimestamp"/>: the kernel's monotonic clock, which all processes share).</summary>
        public long Until;
    }

    [InlineArray(RequestNameSize)]
    protected struct RequestName
    {
        private byte _first;
    }

    /// <summary>Gets the number of connections that there is room for.</summary>
    public int Capacity { get; } = (int)((memory.Size - HeaderSize) / (nuint)sizeof(Entry));

    protected int* Words => (int*)memory.Start;

    /// <summary>Returns the size of the memory of a worker of which so many connections may be kept.</summary>
    public static nuint SizeFor(int keptConnections) => HeaderSize + ((nuint)(MaxOffers + keptConnections) * (nuint)sizeof(Entry));

    /// <summary>Returns the index in the table that a connection's number has.</summary>
    public static int IndexOf(uint number) => (int)(number & IndexMask);

    protected static long Word(uint number, long state) => ((long)number << StateBits) | state;

    protected ref Quarantined QuarantinedOf(int place) => ref ((Quarantined*)(memory.Start + QuarantineAt))[place];

    protected ref Entry EntryOf(uint number) => ref EntryAt(IndexOf(number));

    protected ref Entry EntryAt(int index) => ref ((Entry*)(memory.Start + HeaderSize))[index];
}
