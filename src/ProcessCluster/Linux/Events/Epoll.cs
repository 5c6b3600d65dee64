using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using ProcessCluster.Linux.Interop;

namespace ProcessCluster.Linux.Events;

/// <summary>
/// One epoll instance with an eventfd to wake its waiter. One thread waits; any thread may add, change, remove and wake.
/// </summary>
internal sealed unsafe class Epoll : IDisposable
{
    private const int BatchSize = 256;
    private const ulong WakeToken = ulong.MaxValue;

    // The kernel's struct epoll_event is packed on x64 and aligned elsewhere.
    private static readonly int EventSize = RuntimeInformation.ProcessArchitecture == Architecture.X64 ? 12 : 16;
    private static readonly int TokenOffset = EventSize - 8;

    private readonly int _epoll;
    private readonly Descriptor _wake;
    private readonly byte* _events;
    private int _disposed;

    public Epoll()
    {
        _epoll = Libc.epoll_create1(Libc.EPOLL_CLOEXEC);
        if (_epoll < 0)
            throw Libc.LastException("No epoll instance could be created");
        _wake = new Descriptor(Libc.eventfd(0, Libc.EFD_CLOEXEC | Libc.EFD_NONBLOCK));
        if (_wake.IsInvalid)
            throw Libc.LastException("No eventfd could be created");
        _events = (byte*)NativeMemory.AllocZeroed((nuint)(BatchSize * EventSize));
        Add(_wake.Number, EpollEvents.Readable | EpollEvents.EdgeTriggered, WakeToken);
    }

    /// <summary>One ready descriptor: the token that it was added with, and what it is ready for.</summary>
    public readonly record struct Ready(ulong Token, EpollEvents Events);

    public void Add(int descriptor, EpollEvents events, ulong token) => Control(Libc.EPOLL_CTL_ADD, descriptor, events, token);

    public void Change(int descriptor, EpollEvents events, ulong token) => Control(Libc.EPOLL_CTL_MOD, descriptor, events, token);

    public void Remove(int descriptor) => Control(Libc.EPOLL_CTL_DEL, descriptor, EpollEvents.None, 0);

    /// <summary>Makes the current or the next <see cref="Wait"/> return. May be called from any thread.</summary>
    public void Wake()
    {
        ulong one = 1;
        // EAGAIN means that the counter is at its limit: then the waiter is awake anyway.
        if (Libc.write(_wake, &one, sizeof(ulong)) < 0 && Marshal.GetLastPInvokeError() != Libc.EAGAIN)
            throw Libc.LastException("The loop could not be woken");
    }

    /// <summary>Waits until something is ready, the time is over (-1: none) or somebody wakes it, and gives the number of ready descriptors.</summary>
    public int Wait(Span<Ready> ready, int timeoutMilliseconds)
    {
        var count = Libc.epoll_wait(_epoll, _events, Math.Min(BatchSize, ready.Length), timeoutMilliseconds);
        if (count < 0)
            return Marshal.GetLastPInvokeError() == Libc.EINTR ? 0 : throw Libc.LastException("epoll_wait failed");

        var found = 0;
        for (var i = 0; i < count; i++)
        {
            var at = _events + (i * EventSize);
            var token = Unsafe.ReadUnaligned<ulong>(at + TokenOffset);
            if (token == WakeToken)
            {
                // Edge-triggered: the next Wake raises the next edge without the counter having been read.
                continue;
            }
            ready[found++] = new Ready(token, Unsafe.ReadUnaligned<EpollEvents>(at));
        }
        return found;
    }

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
            return;
        Libc.close(_epoll);
        _wake.Dispose();
        NativeMemory.Free(_events);
    }

    private void Control(int operation, int descriptor, EpollEvents events, ulong token)
    {
        var at = stackalloc byte[16];
        Unsafe.WriteUnaligned(at, events);
        Unsafe.WriteUnaligned(at + TokenOffset, token);
        if (Libc.epoll_ctl(_epoll, operation, descriptor, at) < 0)
            throw Libc.LastException($"epoll_ctl({operation}) of descriptor {descriptor} failed");
    }
}
