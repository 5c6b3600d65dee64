using System.Runtime.InteropServices;
using ProcessCluster.Linux.Interop;

namespace ProcessCluster.Linux.Events;

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

    /// <summary>Reads what is there now, of a pipe that is non-blocking: the number of bytes, 0 at the end, -1 when there is nothing yet.</summary>
    public static int TryRead(Descriptor pipe, Span<byte> buffer)
    {
        fixed (byte* start = buffer)
        {
            nint read;
            while ((read = Libc.read(pipe, start, (nuint)buffer.Length)) < 0)
            {
                var error = Marshal.GetLastPInvokeError();
                if (error != Libc.EINTR)
                    return error == Libc.EAGAIN ? -1 : 0;
            }
            return (int)read;
        }
    }

    /// <summary>Writes all of it to a standard stream of this process, however long its reader takes, as any program does.</summary>
    /// <param name="stream">The stream.</param>
    /// <param name="bytes">The bytes.</param>
    /// <param name="error">The error that kept a part from being written; 0 when there was none.</param>
    /// <returns>How much was written.</returns>
    public static int WriteAll(StandardStream stream, ReadOnlySpan<byte> bytes, out int error)
    {
        error = 0;
        fixed (byte* start = bytes)
        {
            nint done = 0;
            while (done < bytes.Length)
            {
                var written = Libc.write((int)stream, start + done, (nuint)(bytes.Length - done));
                if (written >= 0)
                {
                    done += written;
                    continue;
                }
                error = Marshal.GetLastPInvokeError();
                if (error == Libc.EAGAIN)
                {
                    // Somebody has made the stream non-blocking.
                    var poll = new Libc.PollFd { Descriptor = (int)stream, Events = Libc.POLLOUT };
                    _ = Libc.poll(&poll, 1, timeoutMilliseconds: 1000);
                }
                else if (error != Libc.EINTR)
                {
                    return (int)done;
                }
                error = 0;
            }
            return (int)done;
        }
    }

    /// <summary>Writes what the pipe takes now: the number of bytes, 0 when it is full, -1 when nobody reads it. The pipe is non-blocking.</summary>
    public static int Write(Descriptor pipe, ReadOnlySpan<byte> bytes)
    {
        fixed (byte* start = bytes)
        {
            nint written;
            while ((written = Libc.write(pipe, start, (nuint)bytes.Length)) < 0)
            {
                var error = Marshal.GetLastPInvokeError();
                if (error != Libc.EINTR)
                    return error == Libc.EAGAIN ? 0 : -1;
            }
            return (int)written;
        }
    }

    /// <summary>
    /// Ends a <see cref="Read"/> that waits, by a byte that this process writes itself: the pipe does not end as long as another process has it open for writing, such as one that the
    /// peer has forked. Where <c>/proc</c> is not there the reader waits for that process's end.
    /// </summary>
    public static void WakeReader(Descriptor pipe)
    {
        using var end = new Descriptor(Libc.open(
            string.Create(System.Globalization.CultureInfo.InvariantCulture, $"/proc/self/fd/{pipe.Number}"), Libc.O_WRONLY | Libc.O_NONBLOCK | Libc.O_CLOEXEC));
        if (!end.IsInvalid)
            Write(end, [0]); // Where the pipe is full nobody waits.
    }

    /// <summary>Has the pipe hold more, if the system allows; it works without, only with more switches between its two ends.</summary>
    public static void Enlarge(Descriptor pipe, int bytes) => _ = Libc.fcntl(pipe.Number, Libc.F_SETPIPE_SZ, bytes);

    public static void MakeNonBlocking(Descriptor pipe)
    {
        if (Libc.fcntl(pipe.Number, Libc.F_SETFL, Libc.fcntl(pipe.Number, Libc.F_GETFL, 0) | Libc.O_NONBLOCK) < 0)
            throw Libc.LastException("The pipe could not be made non-blocking");
    }
}

/// <summary>The standard streams that programs write, by their descriptors.</summary>
internal enum StandardStream
{
    Output = 1,
    Error = 2,
}
