using System.Runtime.InteropServices;

namespace ProcessCluster.Platform;

/// <summary>Reading and writing a pipe.</summary>
internal static unsafe class Pipe
{
    /// <summary>Blocks until something is there. 0 at the end, which is also what a broken pipe is.</summary>
    public static int Read(Descriptor pipe, Span<byte> buffer)
    {
        fixed (byte* start = buffer)
        {
            nint read;
            while ((read = Libc.read(pipe, start, (nuint)buffer.Length)) < 0)
            {
                if (Marshal.GetLastPInvokeError() != Libc.EINTR)
                    return 0;
            }
            return (int)read;
        }
    }

    /// <summary>
    /// Writes at most 4096 bytes whole or not at all (POSIX, <c>write</c>: PIPE_BUF); false when the pipe is full or nobody reads it.
    /// The pipe is non-blocking.
    /// </summary>
    public static bool TryWrite(Descriptor pipe, ReadOnlySpan<byte> bytes)
    {
        fixed (byte* start = bytes)
        {
            nint written;
            while ((written = Libc.write(pipe, start, (nuint)bytes.Length)) < 0)
            {
                if (Marshal.GetLastPInvokeError() != Libc.EINTR)
                    return false;
            }
            return written == bytes.Length;
        }
    }

    public static void MakeNonBlocking(Descriptor pipe)
    {
        if (Libc.fcntl(pipe.Number, Libc.F_SETFL, Libc.fcntl(pipe.Number, Libc.F_GETFL, 0) | Libc.O_NONBLOCK) < 0)
            throw Libc.LastException("The pipe could not be made non-blocking");
    }
}
