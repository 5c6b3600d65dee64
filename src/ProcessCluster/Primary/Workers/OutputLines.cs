using System.Buffers;
using System.Text;

namespace ProcessCluster.Primary.Workers;

/// <summary>
/// The output of a process, cut into lines: for the last of them, to put a prefix before each, and so that others' lines do not come between the parts
/// of one. With a prefix a line of up to <see cref="MaxLine"/> bytes is shown whole. A longer one is cut between two characters: each part but the last
/// ends with <see cref="ContinuesMark"/>, each but the first begins with <see cref="ContinuedMark"/>. Without a prefix bytes are passed on as they are.
/// </summary>
/// <param name="tail">The number of last lines that are kept.</param>
/// <param name="prefix">The text before each line; null to leave the output as it is.</param>
internal sealed class OutputLines(int tail, byte[]? prefix)
{
    /// <summary>The longest line that is shown whole, in bytes.</summary>
    public const int MaxLine = 1024 * 1024;

    public const string ContinuesMark = " [continues]", ContinuedMark = "[continued] ";

    /// <summary>In bytes, of a line that is kept.</summary>
    private const int MaxTailLine = 500;

    /// <summary>A larger buffer is given back when it is not needed: most lines are short, and there are many workers.</summary>
    private const int KeptBuffer = 16 * 1024;

    private readonly Queue<string> _tail = new();
    private ArrayBufferWriter<byte> _queue = new();
    private ArrayBufferWriter<byte> _shown = new();
    private int _shownOfLine;
    private bool _isContinued;

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

    /// <summary>The bytes that its buffers take.</summary>
    internal int Buffered => _queue.Capacity + _shown.Capacity;

    /// <summary>Takes what was written and gives what is to be shown of it now. The result holds until the next call.</summary>
    public ReadOnlySpan<byte> Add(ReadOnlySpan<byte> bytes)
    {
        _shown.ResetWrittenCount();
        for (var rest = bytes; !rest.IsEmpty;)
        {
            var end = rest.IndexOf((byte)'\n');
            var part = end < 0 ? rest : rest[..end];
            var room = MaxLine - _queue.WrittenCount;
            if (part.Length > room)
            {
                _queue.Write(part[..room]);
                rest = rest[room..];
                Cut();
                continue;
            }
            _queue.Write(part);
            rest = rest[part.Length..];
            if (end >= 0)
            {
                rest = rest[1..];
                EndLine(_queue.WrittenSpan, hasEnd: true);
                _isContinued = false;
                _queue.ResetWrittenCount();
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
            _shown.Write(_queue.WrittenSpan[_shownOfLine..]);
            if (_queue.WrittenCount > MaxTailLine)
                _queue = With(_queue.WrittenSpan[..MaxTailLine]); // Of what was shown only the tail needs anything.
            _shownOfLine = _queue.WrittenCount;
        }
        return _shown.WrittenSpan;
    }

    /// <summary>Nothing more comes: what is to be shown of a line that did not end.</summary>
    public ReadOnlySpan<byte> End()
    {
        _shown.ResetWrittenCount();
        if (_queue.WrittenCount > 0)
            EndLine(_queue.WrittenSpan, hasEnd: false);
        _queue.ResetWrittenCount();
        return _shown.WrittenSpan;
    }

    /// <summary>Gives back what a long line took. What was to be shown must have been.</summary>
    public void Release()
    {
        if (_shown.Capacity > KeptBuffer)
            _shown = new ArrayBufferWriter<byte>();
        if (_queue.Capacity > KeptBuffer && _queue.WrittenCount <= KeptBuffer / 2)
            _queue = With(_queue.WrittenSpan);
    }

    /// <summary>The line is as long as one can be, and goes on.</summary>
    private void Cut()
    {
        var line = _queue.WrittenSpan;
        var cut = prefix is null ? line.Length : Boundary(line);
        EndLine(line[..cut], hasEnd: false, continues: true);
        _isContinued = true;
        Span<byte> begun = stackalloc byte[4];
        line[cut..].CopyTo(begun);
        var count = line.Length - cut;
        _queue.ResetWrittenCount();
        _queue.Write(begun[..count]);
    }

    private void EndLine(ReadOnlySpan<byte> line, bool hasEnd, bool continues = false)
    {
        if (prefix is null)
        {
            _shown.Write(line[_shownOfLine..]);
        }
        else
        {
            _shown.Write(prefix);
            if (_isContinued)
                _shown.Write(Encoding.ASCII.GetBytes(ContinuedMark));
            _shown.Write(line);
            if (continues)
                _shown.Write(Encoding.ASCII.GetBytes(ContinuesMark));
        }
        if (hasEnd || prefix is not null)
            _shown.Write("\n"u8);
        _shownOfLine = 0;
        if (tail == 0)
            return;
        var beginning = line.Length > MaxTailLine ? line[..Boundary(line[..MaxTailLine])] : line;
        var text = Encoding.UTF8.GetString(beginning).TrimEnd('\r');
        lock (_tail)
        {
            if (_tail.Count == tail)
                _tail.Dequeue();
            _tail.Enqueue(text);
        }
    }

    /// <summary>Returns the length of the part that ends with a whole character of UTF-8. Other bytes are cut where they are.</summary>
    private static int Boundary(ReadOnlySpan<byte> bytes)
    {
        for (var back = 1; back <= Math.Min(4, bytes.Length); back++)
        {
            var value = bytes[^back];
            if ((value & 0xC0) == 0x80)
                continue; // Not the first byte of a character.
            var length = value switch { >= 0xF0 => 4, >= 0xE0 => 3, >= 0xC0 => 2, _ => 1 };
            return length > back ? bytes.Length - back : bytes.Length;
        }
        return bytes.Length;
    }

    private static ArrayBufferWriter<byte> With(ReadOnlySpan<byte> bytes)
    {
        var buffer = new ArrayBufferWriter<byte>(Math.Max(256, bytes.Length));
        buffer.Write(bytes);
        return buffer;
    }
}
