using System.Runtime.InteropServices;

namespace ProcessCluster.TestApp;

/// <summary>Writes to the link past the library.</summary>
internal static partial class RawWorker
{
    /// <summary>The worker's end of the pipe to the primary.</summary>
    private const int Link = 4;

    private const uint BytesToRead = 0x541B; // FIONREAD

    /// <summary>A worker that does not have the library: it writes the bytes in RAW, one after another as each was read, and waits to be ended.</summary>
    public static int Run()
    {
        foreach (var one in Convert.FromHexString(Environment.GetEnvironmentVariable("RAW")!))
        {
            Write([one]);
            SpinWait.SpinUntil(static () => ioctl(Link, BytesToRead, out var left) != 0 || left == 0, TimeSpan.FromSeconds(10));
        }
        Console.WriteLine("written");
        new ManualResetEvent(false).WaitOne(TimeSpan.FromSeconds(20));
        return 0;
    }

    public static void Write(ReadOnlySpan<byte> bytes)
    {
        if (write(Link, bytes, (nuint)bytes.Length) != bytes.Length)
            throw new IOException(Marshal.GetLastPInvokeErrorMessage());
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint write(int descriptor, ReadOnlySpan<byte> bytes, nuint count);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int ioctl(int descriptor, nuint request, out int value);
}
