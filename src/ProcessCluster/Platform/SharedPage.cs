using System.Runtime.InteropServices;

namespace ProcessCluster.Platform;

/// <summary>
/// A page of memory that the primary shares with one worker, so that each knows of the other without a message: how much the worker has to do,
/// and whose an offered connection is. It is a sealed <c>memfd</c> (<c>man 2 memfd_create</c>): no side can shrink it under the other.
/// Nothing in it is trusted: a worker that writes nonsense there is given too many connections or too few, and nothing else happens.
/// </summary>
internal sealed unsafe class SharedPage : IDisposable
{
    private const int Size = 4096;

    /// <summary>In words of four bytes, each on a cache line of its own.</summary>
    private const int OpenAt = 0, BusyAt = 16, RoomWantedAt = 32, ClaimsWantedAt = 48, ClaimsAt = 64;

    private const int Offered = 1, Claimed = 2, Revoked = 3;

    /// <summary>How many offers can be claimed and revoked; further ones, which would need hundreds of end points, stay where they are.</summary>
    private const int Claims = (Size / sizeof(int)) - ClaimsAt;

    private int* _words;

    private SharedPage(int descriptor)
    {
        var address = Libc.mmap(null, Size, Libc.PROT_READ | Libc.PROT_WRITE, Libc.MAP_SHARED, descriptor, 0);
        if (address == Libc.MAP_FAILED)
            throw Libc.LastException("The memory that is shared with a worker could not be mapped");
        _words = (int*)address;
    }

    /// <summary>A new one, with the descriptor for the other side; the caller closes that.</summary>
    /// <exception cref="IOException">The system has no more memory or descriptors.</exception>
    public static SharedPage Create(out int descriptor)
    {
        descriptor = Libc.memfd_create("processcluster", Libc.MFD_CLOEXEC | Libc.MFD_ALLOW_SEALING);
        if (descriptor < 0
            || Libc.ftruncate(descriptor, Size) < 0
            || Libc.fcntl(descriptor, Libc.F_ADD_SEALS, Libc.F_SEAL_SEAL | Libc.F_SEAL_SHRINK | Libc.F_SEAL_GROW) < 0)
        {
            throw Libc.LastException("The memory to share with a worker could not be made");
        }
        return new SharedPage(descriptor);
    }

    /// <summary>The other side's; closes the descriptor.</summary>
    /// <exception cref="IOException">It is none.</exception>
    public static SharedPage Map(int descriptor)
    {
        try
        {
            return new SharedPage(descriptor);
        }
        finally
        {
            Libc.close(descriptor);
        }
    }

    /// <summary>How many connections are open in the worker.</summary>
    public int Open => Math.Max(0, Volatile.Read(ref _words[OpenAt]));

    /// <summary>Requests that are being served, and connections that have not begun their first one.</summary>
    public int Busy => Math.Max(0, Volatile.Read(ref _words[BusyAt]));

    /// <summary>The worker's: a connection was taken.</summary>
    public void ConnectionOpened() => Interlocked.Increment(ref _words[OpenAt]);

    /// <summary>The worker's: one was closed. True when the primary wants to be told of that, once.</summary>
    public bool ConnectionClosed()
    {
        Interlocked.Decrement(ref _words[OpenAt]);
        return Volatile.Read(ref _words[RoomWantedAt]) != 0 && Interlocked.Exchange(ref _words[RoomWantedAt], 0) != 0;
    }

    /// <summary>The worker's: there is something to do.</summary>
    public void WorkBegins() => Interlocked.Increment(ref _words[BusyAt]);

    /// <summary>The worker's: it is done.</summary>
    public void WorkEnds() => Interlocked.Decrement(ref _words[BusyAt]);

    /// <summary>The primary's: wants to be told when the worker closes a connection. Look at <see cref="Open"/> after it.</summary>
    public void WantRoom() => Interlocked.Exchange(ref _words[RoomWantedAt], 1);

    /// <summary>The primary's, before the offer is sent.</summary>
    public void Offer(uint offer)
    {
        if (offer < Claims)
            Volatile.Write(ref _words[ClaimsAt + offer], Offered);
    }

    /// <summary>The worker's, before its program sees the connection: false when the primary has given it to another.</summary>
    public bool TryClaim(uint offer) =>
        offer >= Claims || Interlocked.CompareExchange(ref _words[ClaimsAt + offer], Claimed, Offered) == Offered;

    /// <summary>Whether what becomes of the offer is seen here.</summary>
    public static bool Shows(uint offer) => offer < Claims;

    /// <summary>The primary's: the worker has claimed it.</summary>
    public bool IsClaimed(uint offer) => offer < Claims && Volatile.Read(ref _words[ClaimsAt + offer]) == Claimed;

    /// <summary>The primary's: wants to be told of the next claim. Look at <see cref="IsClaimed"/> after it.</summary>
    public void WantClaims() => Interlocked.Exchange(ref _words[ClaimsWantedAt], 1);

    /// <summary>The worker's, after a claim. True when the primary wants to be told, once: until it has looked it sees the further ones, too.</summary>
    public bool ShallTellClaims() => Interlocked.Exchange(ref _words[ClaimsWantedAt], 0) != 0;

    /// <summary>The primary's: takes the offer back; false when the worker was faster.</summary>
    public bool TryRevoke(uint offer) =>
        offer < Claims && Interlocked.CompareExchange(ref _words[ClaimsAt + offer], Revoked, Offered) == Offered;

    /// <summary>After it nothing may be read or written.</summary>
    public void Dispose()
    {
        if (_words is null)
            return;
        _ = Libc.munmap(_words, Size);
        _words = null;
    }
}
