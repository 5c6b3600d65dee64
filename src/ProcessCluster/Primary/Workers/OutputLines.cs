using System.Buffers;
using System.Text;

namespace ProcessCluster.Primary.Workers;

/// <summary>
/// What a process writes, cut into lines: for the last of them, to put a prefix before each, and so that others' lines do not come between the parts
/// of one. A line that does not end is cut when it gets longer than <see cref="MaxLine"/>.
/// </summary>
/// <param name="tail">How many of the last lines are kept.</param>
/// <param name="prefix">What stands before each line; null to leave what is written as it is.</param>
internal sealed class OutputLines(int tail, byte[]? prefix)
{
    public const int MaxLine = 8 * 1024;

    private const int MaxTailLine = 500;

    private readonly Queue<string> _tail = new();
    private readonly ArrayBufferWriter<byte> _line = new();
    private readonly ArrayBufferWriter<byte> _shown = new();
    private int _shownOfLine;

    /// <summary>The last lines, the one that is not at its end among them. Thread-safe.</summary>
    public IReadOnlyList<string> Tail
    {
        get
        {
            lock (_tail)
            {
                return [.. _tail];
            }
        }
    }

    /// <summary>Takes what was written and gives what is to be shown of it now. The result holds until the next call.</summary>
    public ReadOnlySpan<byte> Add(ReadOnlySpan<byte> bytes)
    {
        _shown.ResetWrittenCount();
        for (var rest = bytes; !rest.IsEmpty;)
        {
            var end = rest.IndexOf((byte)'\n');
            var part = end < 0 ? rest : rest[..end];
            part = part[..Math.Min(part.Length, MaxLine - _line.WrittenCount)];
            _line.Write(part);
            rest = rest[part.Length..];
            if (!rest.IsEmpty && rest[0] == (byte)'\n')
            {
                rest = rest[1..];
                EndLine(isWhole: true);
            }
            else if (_line.WrittenCount == MaxLine)
            {
                EndLine(isWhole: false);
            }
        }
        return _shown.WrittenSpan;
    }

    /// <summary>Nothing more is there for now: what is to be shown of a line that has not ended, such as a question.</summary>
    public ReadOnlySpan<byte> Pause()
    {
        _shown.ResetWrittenCount();
        if (prefix is null)
        {
            _shown.Write(_line.WrittenSpan[_shownOfLine..]);
            _shownOfLine = _line.WrittenCount;
        }
        return _shown.WrittenSpan;
    }

    /// <summary>Nothing more comes: what is to be shown of a line that did not end.</summary>
    public ReadOnlySpan<byte> End()
    {
        _shown.ResetWrittenCount();
        if (_line.WrittenCount > 0)
            EndLine(isWhole: false);
        return _shown.WrittenSpan;
    }

    private void EndLine(bool isWhole)
    {
        var line = _line.WrittenSpan;
        if (prefix is not null)
            _shown.Write(prefix);
        _shown.Write(line[_shownOfLine..]);
        if (isWhole || prefix is not null)
            _shown.Write("\n"u8);
        _shownOfLine = 0;
        if (tail > 0)
        {
            var text = Encoding.UTF8.GetString(line[..Math.Min(line.Length, MaxTailLine)]).TrimEnd('\r');
            lock (_tail)
            {
                if (_tail.Count == tail)
                    _tail.Dequeue();
                _tail.Enqueue(text);
            }
        }
        _line.ResetWrittenCount();
    }
}
