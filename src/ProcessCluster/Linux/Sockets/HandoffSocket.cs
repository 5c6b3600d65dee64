using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using ProcessCluster.Linux.Interop;

namespace ProcessCluster.Linux.Sockets;

/// <summary>The result of sending a connection.</summary>
internal enum HandoffSend
{
    Sent,

    /// <summary>The buffer is full or too many descriptors are under way: later.</summary>
    Busy,

    /// <summary>The other side is gone.</summary>
    Closed,
}

/// <summary>
/// One side of the socket pair over which connections travel: a sequenced-packet Unix socket, so that each message arrives whole,
/// alone, and with its descriptor (<c>SCM_RIGHTS</c>, <c>man 7 unix</c>).
/// </summary>
internal static unsafe class HandoffSocket
{
    public const int MaxMessage = 64;

    /// <summary>The descriptors that a message can have (<c>SCM_MAX_FD</c> in the kernel), and the bytes before them.</summary>
    private const int MaxDescriptors = 253, ControlHeader = 16;

    /// <summary>Sends a message with a copy of the descriptor. Never blocks.</summary>
    public static HandoffSend Send(Descriptor socket, ReadOnlySpan<byte> message, int descriptor)
    {
        fixed (byte* start = message)
        {
            var vector = new Libc.IoVec { Base = start, Length = (nuint)message.Length };
            var control = new Libc.OneDescriptor
            {
                Length = Libc.OneDescriptor.LengthWithDescriptor,
                Level = Libc.SOL_SOCKET,
                Type = Libc.SCM_RIGHTS,
                Descriptor = descriptor,
            };
            var header = new Libc.MsgHdr
            {
                Vectors = &vector,
                VectorCount = 1,
                Control = &control,
                ControlLength = (nuint)sizeof(Libc.OneDescriptor),
            };
            while (Libc.sendmsg(socket, &header, Libc.MSG_NOSIGNAL | Libc.MSG_DONTWAIT) < 0)
            {
                switch (Marshal.GetLastPInvokeError())
                {
                    case Libc.EINTR:
                        continue;
                    case Libc.EPIPE or Libc.ECONNRESET:
                        return HandoffSend.Closed;
                    default:
                        return HandoffSend.Busy; // EAGAIN, ENOBUFS, ENOMEM, ETOOMANYREFS
                }
            }
            return HandoffSend.Sent;
        }
    }

    /// <summary>Sends a message without a descriptor. Never blocks.</summary>
    public static HandoffSend Answer(Descriptor socket, ReadOnlySpan<byte> message)
    {
        fixed (byte* start = message)
        {
            while (Libc.send(socket, start, (nuint)message.Length, Libc.MSG_NOSIGNAL | Libc.MSG_DONTWAIT) < 0)
            {
                var error = Marshal.GetLastPInvokeError();
                if (error != Libc.EINTR)
                    return error is Libc.EPIPE or Libc.ECONNRESET ? HandoffSend.Closed : HandoffSend.Busy;
            }
            return HandoffSend.Sent;
        }
    }

    /// <summary>
    /// Takes one message: its length, 0 when the other side is gone, -1 when there is none now. The descriptor that came with it is
    /// closed on exec; it is -1 when there was none, or when this process had no number left for it.
    /// </summary>
    /// <param name="socket">This side.</param>
    /// <param name="buffer">Gets the message.</param>
    /// <param name="descriptor">The descriptor that came with it.</param>
    /// <param name="isWhole">True when that was all: false of a message that is longer than the buffer, or that came with more than one descriptor. The others are closed.</param>
    [SkipLocalsInit]
    public static int Receive(Descriptor socket, Span<byte> buffer, out int descriptor, out bool isWhole)
    {
        // There is room for all that a message can have. The kernel would close the others itself, and would wait for one that lingers.
        var control = stackalloc byte[ControlHeader + (MaxDescriptors * sizeof(int))];
        fixed (byte* start = buffer)
        {
            var vector = new Libc.IoVec { Base = start, Length = (nuint)buffer.Length };
            var header = new Libc.MsgHdr
            {
                Vectors = &vector,
                VectorCount = 1,
                Control = control,
                ControlLength = ControlHeader + (MaxDescriptors * sizeof(int)),
            };
            nint received;
            while ((received = Libc.recvmsg(socket, &header, Libc.MSG_DONTWAIT | Libc.MSG_CMSG_CLOEXEC)) < 0)
            {
                var error = Marshal.GetLastPInvokeError();
                if (IsPassing(error))
                    continue;
                descriptor = -1;
                isWhole = true;
                return error == Libc.EAGAIN ? -1 : 0;
            }
            var descriptors = DescriptorsOf((Libc.OneDescriptor*)control, header.ControlLength);
            descriptor = descriptors.IsEmpty ? -1 : descriptors[0];
            isWhole = (header.Flags & Libc.MSG_TRUNC) == 0 && descriptors.Length <= 1 && (descriptor < 0 || (header.Flags & Libc.MSG_CTRUNC) == 0);
            for (var i = 1; i < descriptors.Length; i++)
                StreamSocket.CloseCopy(descriptors[i]);
            return (int)received;
        }
    }

    private static ReadOnlySpan<int> DescriptorsOf(Libc.OneDescriptor* control, nuint length) =>
        length >= Libc.OneDescriptor.LengthWithDescriptor && *control is { Level: Libc.SOL_SOCKET, Type: Libc.SCM_RIGHTS, Length: var used }
            ? new ReadOnlySpan<int>(&control->Descriptor, (int)((nuint.Min(used, length) - ControlHeader) / sizeof(int)))
            : [];

    /// <summary>A peer that ended with messages unread is reported once, before the messages that it had sent.</summary>
    private static bool IsPassing(int error) => error is Libc.EINTR or Libc.ECONNRESET;
}
