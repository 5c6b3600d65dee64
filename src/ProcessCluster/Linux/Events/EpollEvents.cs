namespace ProcessCluster.Linux.Events;

/// <summary>The events of a descriptor, and how they are reported (<c>man 2 epoll_ctl</c>).</summary>
[Flags]
internal enum EpollEvents : uint
{
    None = 0,

    /// <summary>Something can be read or accepted (<c>EPOLLIN</c>).</summary>
    Readable = 0x1,

    /// <summary>Something can be written (<c>EPOLLOUT</c>).</summary>
    Writable = 0x4,

    /// <summary>The descriptor has an error (<c>EPOLLERR</c>). Always reported.</summary>
    Error = 0x8,

    /// <summary>Both directions have ended (<c>EPOLLHUP</c>). Always reported.</summary>
    HangUp = 0x10,

    /// <summary>The peer has ended its direction (<c>EPOLLRDHUP</c>).</summary>
    PeerClosed = 0x2000,

    /// <summary>One waiter of several is woken (<c>EPOLLEXCLUSIVE</c>).</summary>
    Exclusive = 0x1000_0000,

    /// <summary>The descriptor is disabled after one event (<c>EPOLLONESHOT</c>).</summary>
    OneShot = 0x4000_0000,

    /// <summary>Changes are reported, not states (<c>EPOLLET</c>).</summary>
    EdgeTriggered = 0x8000_0000,
}
