using System.Buffers;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Unicode;
using Code = ProcessCluster.Serialization.MessagePackCode;

namespace ProcessCluster.Serialization;

public ref partial struct MessagePackWriter
{
    // Up to here three bytes are reserved for each character, so that text is gone through only once.
    private const int MaxCharsInOnePass = 2048;

    /// <summary>Writes text as UTF-8, or nil for null. Half of a surrogate pair is written as U+FFFD, as .NET's UTF-8 encoding has it.</summary>
    /// <param name="value">The text.</param>
    public void Write(string? value)
    {
        if (value is null)
            WriteNil();
        else if (value.Length <= MaxCharsInOnePass)
            WriteInOnePass(value);
        else
            WriteCounted(value);
    }

    /// <summary>Writes text that is UTF-8 already. It is not checked.</summary>
    /// <param name="text">The UTF-8 bytes.</param>
    public void WriteUtf8(scoped ReadOnlySpan<byte> text)
    {
        PutStringHeader(ref Reserve(5), StringHeaderSize(text.Length), text.Length);
        _used += StringHeaderSize(text.Length);
        WriteRaw(text);
    }

    /// <summary>Writes bytes as binary data.</summary>
    /// <param name="value">The bytes.</param>
    public void Write(scoped ReadOnlySpan<byte> value)
    {
        WriteLength(value.Length, Code.Bin8);
        WriteRaw(value);
    }

    /// <summary>Writes the head of an extension. As many bytes must follow, with <see cref="WriteRaw"/>.</summary>
    /// <param name="type">The extension's type. MessagePack keeps the negative ones; -1 is the timestamp.</param>
    /// <param name="length">The number of bytes.</param>
    /// <exception cref="ArgumentOutOfRangeException">The length is negative.</exception>
    public void WriteExtensionHeader(sbyte type, int length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        var fix = length switch
        {
            1 => Code.FixExt1,
            2 => Code.FixExt2,
            4 => Code.FixExt4,
            8 => Code.FixExt8,
            16 => Code.FixExt16,
            _ => Code.NeverUsed,
        };
        if (fix == Code.NeverUsed)
        {
            WriteLength(length, Code.Ext8);
        }
        else
        {
            Reserve(1) = fix;
            _used++;
        }
        Reserve(1) = (byte)type;
        _used++;
    }

    /// <summary>Writes an extension.</summary>
    /// <param name="type">The extension's type. MessagePack keeps the negative ones; -1 is the timestamp.</param>
    /// <param name="data">Its bytes.</param>
    public void WriteExtension(sbyte type, scoped ReadOnlySpan<byte> data)
    {
        WriteExtensionHeader(type, data.Length);
        WriteRaw(data);
    }

    /// <summary>
    /// Writes a time as MessagePack's timestamp, to 100 ns, which is all that it has. Local time is converted to UTC; a time of
    /// unspecified kind is taken for UTC.
    /// </summary>
    /// <param name="value">The time.</param>
    public void Write(DateTime value)
    {
        ref var target = ref Reserve(Timestamp.MaxEncodedSize);
        _used += Timestamp.Put(ref target, value.Kind == DateTimeKind.Local ? value.ToUniversalTime() : value);
    }

    private void WriteInOnePass(ReadOnlySpan<char> text)
    {
        // The head is as long as for ASCII; text beyond that is moved where it needs a longer one.
        var likely = StringHeaderSize(text.Length);
        ref var target = ref Reserve(3 + (text.Length * 3));
        Utf8.FromUtf16(text, SpanAt(ref target, likely, text.Length * 3), out _, out var length);
        var header = StringHeaderSize(length);
        if (header != likely)
            SpanAt(ref target, likely, length).CopyTo(SpanAt(ref target, header, length));
        PutStringHeader(ref target, header, length);
        _used += header + length;
    }

    private void WriteCounted(ReadOnlySpan<char> text)
    {
        var length = Encoding.UTF8.GetByteCount(text);
        PutStringHeader(ref Reserve(5), StringHeaderSize(length), length);
        _used += StringHeaderSize(length);
        while (!text.IsEmpty)
        {
            Reserve(MinRequest);
            // An OperationStatus other than Done means that the buffer is full: what is invalid is replaced.
            _ = Utf8.FromUtf16(text, _buffer[_used..], out var read, out var written);
            _used += written;
            text = text[read..];
        }
    }

    private static Span<byte> SpanAt(ref byte target, int offset, int length) =>
        MemoryMarshal.CreateSpan(ref Unsafe.Add(ref target, offset), length);

    private static int StringHeaderSize(int length) =>
        length <= Code.MaxFixStr ? 1 : length <= byte.MaxValue ? 2 : length <= ushort.MaxValue ? 3 : 5;

    private static void PutStringHeader(ref byte target, int size, int length)
    {
        switch (size)
        {
            case 1:
                target = (byte)(Code.FixStr | length);
                break;
            case 2:
                BigEndian.Put(ref target, 0, (ushort)((Code.Str8 << 8) | length));
                break;
            case 3:
                target = Code.Str16;
                BigEndian.Put(ref target, 1, (ushort)length);
                break;
            default:
                target = Code.Str32;
                BigEndian.Put(ref target, 1, (uint)length);
                break;
        }
    }

    /// <summary>Writes a code and a length of 8, 16 or 32 bits; the codes for these follow one another.</summary>
    private void WriteLength(int length, byte code8)
    {
        ref var target = ref Reserve(5);
        if (length <= byte.MaxValue)
        {
            BigEndian.Put(ref target, 0, (ushort)((code8 << 8) | length));
            _used += 2;
        }
        else if (length <= ushort.MaxValue)
        {
            target = (byte)(code8 + 1);
            BigEndian.Put(ref target, 1, (ushort)length);
            _used += 3;
        }
        else
        {
            target = (byte)(code8 + 2);
            BigEndian.Put(ref target, 1, (uint)length);
            _used += 5;
        }
    }
}
