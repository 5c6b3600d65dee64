using ProcessCluster.Linux.Interop;
using ProcessCluster.Linux.Sockets;

namespace ProcessCluster.Tests.Linux.Sockets;

public sealed unsafe class HandoffSocketTests : IDisposable
{
    private const string Name = "travels";

    private readonly Descriptor _one;
    private readonly Descriptor _other;
    private readonly Descriptor _travels = new(Libc.memfd_create(Name, Libc.MFD_CLOEXEC));

    public HandoffSocketTests()
    {
        var pair = stackalloc int[2];
        Assert.Equal(0, Libc.socketpair(Libc.AF_UNIX, Libc.SOCK_SEQPACKET | Libc.SOCK_CLOEXEC | Libc.SOCK_NONBLOCK, 0, pair));
        (_one, _other) = (new Descriptor(pair[0]), new Descriptor(pair[1]));
    }

    public void Dispose()
    {
        _one.Dispose();
        _other.Dispose();
        _travels.Dispose();
    }

    [Fact]
    public void A_message_comes_with_its_descriptor()
    {
        Assert.Equal(HandoffSend.Sent, HandoffSocket.Send(_one, [1, 2, 3], _travels.Number));
        var buffer = new byte[HandoffSocket.MaxMessage];
        Assert.Equal(3, HandoffSocket.Receive(_other, buffer, out var descriptor, out var isWhole));
        Assert.True(isWhole);
        Assert.True(descriptor >= 0);
        Libc.close(descriptor);
        Assert.Equal(-1, HandoffSocket.Receive(_other, buffer, out descriptor, out _));
        Assert.Equal(-1, descriptor);
    }

    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(253)]
    public void Of_several_descriptors_one_comes_and_the_others_are_closed(int count)
    {
        SendMany(count);
        var before = OpenDescriptors();
        Assert.Equal(1, HandoffSocket.Receive(_other, new byte[HandoffSocket.MaxMessage], out var descriptor, out var isWhole));
        Assert.False(isWhole);
        Libc.close(descriptor);
        Assert.Equal(before, OpenDescriptors());
    }

    [Fact]
    public void A_message_that_is_too_long_is_not_whole()
    {
        Assert.Equal(HandoffSend.Sent, HandoffSocket.Answer(_one, new byte[HandoffSocket.MaxMessage + 1]));
        Assert.Equal(HandoffSocket.MaxMessage, HandoffSocket.Receive(_other, new byte[HandoffSocket.MaxMessage], out _, out var isWhole));
        Assert.False(isWhole);
    }

    /// <summary>Those that are copies of the one that travels: other tests open others meanwhile.</summary>
    private static int OpenDescriptors() => new DirectoryInfo("/proc/self/fd").EnumerateFiles().Count(static file => file.LinkTarget is { } target && target.StartsWith($"/memfd:{Name} ", StringComparison.Ordinal));

    private void SendMany(int count)
    {
        var control = stackalloc byte[16 + (count * sizeof(int))];
        *(nuint*)control = (nuint)(16 + (count * sizeof(int)));
        *(int*)(control + 8) = Libc.SOL_SOCKET;
        *(int*)(control + 12) = Libc.SCM_RIGHTS;
        for (var i = 0; i < count; i++)
            *(int*)(control + 16 + (i * sizeof(int))) = _travels.Number;
        byte one = 1;
        var vector = new Libc.IoVec { Base = &one, Length = 1 };
        var header = new Libc.MsgHdr { Vectors = &vector, VectorCount = 1, Control = control, ControlLength = *(nuint*)control };
        Assert.Equal(1, Libc.sendmsg(_one, &header, Libc.MSG_NOSIGNAL));
    }
}
