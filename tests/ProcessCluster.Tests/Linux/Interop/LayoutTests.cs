using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using ProcessCluster.Linux.Interop;

namespace ProcessCluster.Tests.Linux.Interop;

/// <summary>The structures that the kernel reads and writes, as its headers have them on 64 bits.</summary>
public sealed class LayoutTests
{
    [Fact]
    public void Msghdr_is_as_the_kernel_has_it()
    {
        Assert.Equal(56, Unsafe.SizeOf<Libc.MsgHdr>());
        Assert.Equal(
            [0, 8, 16, 24, 32, 40, 48],
            Offsets<Libc.MsgHdr>(
                nameof(Libc.MsgHdr.Name),
                nameof(Libc.MsgHdr.NameLength),
                nameof(Libc.MsgHdr.Vectors),
                nameof(Libc.MsgHdr.VectorCount),
                nameof(Libc.MsgHdr.Control),
                nameof(Libc.MsgHdr.ControlLength),
                nameof(Libc.MsgHdr.Flags)));
    }

    [Fact]
    public void A_control_message_has_room_for_one_descriptor()
    {
        Assert.Equal(24, Unsafe.SizeOf<Libc.OneDescriptor>());
        Assert.Equal(
            [0, 8, 12, 16],
            Offsets<Libc.OneDescriptor>(
                nameof(Libc.OneDescriptor.Length),
                nameof(Libc.OneDescriptor.Level),
                nameof(Libc.OneDescriptor.Type),
                nameof(Libc.OneDescriptor.Descriptor)));
        Assert.Equal(16 + sizeof(int), Libc.OneDescriptor.LengthWithDescriptor);
    }

    [Fact]
    public void Siginfo_is_as_the_kernel_has_it()
    {
        Assert.Equal(128, Unsafe.SizeOf<Libc.SigInfo>());
        Assert.Equal(
            [8, 16, 24],
            Offsets<Libc.SigInfo>(nameof(Libc.SigInfo.Code), nameof(Libc.SigInfo.ProcessId), nameof(Libc.SigInfo.Status)));
    }

    [Fact]
    public void Pollfd_is_as_the_kernel_has_it()
    {
        Assert.Equal(8, Unsafe.SizeOf<Libc.PollFd>());
        Assert.Equal(
            [0, 4, 6],
            Offsets<Libc.PollFd>(nameof(Libc.PollFd.Descriptor), nameof(Libc.PollFd.Events), nameof(Libc.PollFd.Returned)));
    }

    [Fact]
    public void Iovec_is_as_the_kernel_has_it()
    {
        Assert.Equal(16, Unsafe.SizeOf<Libc.IoVec>());
        Assert.Equal([0, 8], Offsets<Libc.IoVec>(nameof(Libc.IoVec.Base), nameof(Libc.IoVec.Length)));
    }

    private static int[] Offsets<T>(params string[] fields) => [.. fields.Select(field => (int)Marshal.OffsetOf<T>(field))];
}
