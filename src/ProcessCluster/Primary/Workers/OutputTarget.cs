using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Extensions.Logging;
using ProcessCluster.Diagnostics;
using ProcessCluster.Linux.Events;
using ProcessCluster.Linux.Interop;

namespace ProcessCluster.Primary.Workers;

/// <summary>
/// A standard stream of the primary that what workers write is passed on to. When it takes nothing, because the disk is full or for another reason
/// that can pass, what comes is lost and counted; as soon as it takes something again a line says how much that was. Belongs to the output loop.
/// </summary>
/// <param name="stream">The stream.</param>
/// <param name="logger">Told once when it begins to lose, and once when it has ended.</param>
/// <param name="lost">Told of each loss: the lines.</param>
/// <param name="write">Writes all of it, or as much as there is room for; null for the stream itself.</param>
internal sealed class OutputTarget(StandardStream stream, ILogger logger, Action<string, long> lost, OutputTarget.Write? write = null)
{
    private readonly Write _write = write ?? Pipe.WriteAll;
    private readonly string _name = stream == StandardStream.Error ? "error" : "output";
    private bool _isClosed;
    private bool _isMidLine;
    private long _lostLines;
    private long _lostBytes;
    private string _reason = "";

    /// <param name="stream">The stream.</param>
    /// <param name="bytes">The bytes.</param>
    /// <param name="error">The error that kept a part from being written; 0 when there was none.</param>
    /// <returns>How much was written.</returns>
    internal delegate int Write(StandardStream stream, ReadOnlySpan<byte> bytes, out int error);

    public void Pass(ReadOnlySpan<byte> bytes)
    {
        if (_isClosed || bytes.IsEmpty)
            return;
        if (_lostBytes > 0 && !TryReport())
        {
            if (!_isClosed)
                Lose(bytes);
            return;
        }
        var written = WriteSome(bytes, out var error);
        // With nobody to read it (EPIPE) there is nothing to count. A named pipe can get a reader again.
        if (error is not (0 or SystemError.BrokenPipe) && !_isClosed)
        {
            if (_lostBytes == 0)
                logger.OutputLost(_name, _reason = Marshal.GetPInvokeErrorMessage(error));
            Lose(bytes[written..]);
        }
    }

    /// <summary>Says what was lost, at the place where it is missing; false when there is still no room.</summary>
    private bool TryReport()
    {
        var report = string.Create(
            CultureInfo.InvariantCulture, $"{(_isMidLine ? "\n" : "")}[{_lostLines} lines ({_lostBytes} bytes) that workers wrote were lost: {_reason}]\n");
        var bytes = Encoding.UTF8.GetBytes(report);
        if (WriteSome(bytes, out _) < bytes.Length)
            return false;
        logger.OutputGoesOn(_name, _lostLines, _lostBytes);
        _lostLines = 0;
        _lostBytes = 0;
        return true;
    }

    private int WriteSome(ReadOnlySpan<byte> bytes, out int error)
    {
        var written = _write(stream, bytes, out error);
        if (written > 0)
            _isMidLine = bytes[written - 1] != '\n';
        if (error == SystemError.BadDescriptor)
            _isClosed = true; // For good: the number may become another file's.
        return written;
    }

    private void Lose(ReadOnlySpan<byte> bytes)
    {
        var lines = bytes.Count((byte)'\n');
        _lostLines += lines;
        _lostBytes += bytes.Length;
        lost(_name, lines);
    }
}
