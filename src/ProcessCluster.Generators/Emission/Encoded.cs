using System.Globalization;
using System.Text;

namespace ProcessCluster.Generators.Emission;

/// <summary>MessagePack that is known when the code is generated, as the list of bytes that C# writes for it.</summary>
internal sealed class Encoded
{
    private readonly List<byte> _bytes = [];

    public int Count => _bytes.Count;

    public Encoded Nil() => Add(0xc0);

    public Encoded MapHeader(int count) => Header(count, fix: 0x80, code16: 0xde);

    public Encoded ArrayHeader(int count) => Header(count, fix: 0x90, code16: 0xdc);

    public Encoded Text(string text)
    {
        var utf8 = Encoding.UTF8.GetBytes(text);
        if (utf8.Length < 32)
            Add((byte)(0xa0 | utf8.Length));
        else if (utf8.Length <= byte.MaxValue)
            Add(0xd9).BigEndian(utf8.Length, 1);
        else if (utf8.Length <= ushort.MaxValue)
            Add(0xda).BigEndian(utf8.Length, 2);
        else
            Add(0xdb).BigEndian(utf8.Length, 4);
        _bytes.AddRange(utf8);
        return this;
    }

    /// <summary>A collection expression.</summary>
    public override string ToString() =>
        $"[{string.Join(", ", _bytes.Select(value => "0x" + value.ToString("x2", CultureInfo.InvariantCulture)))}]";

    private Encoded Header(int count, byte fix, byte code16) => count < 16 ? Add((byte)(fix | count)) : Add(code16).BigEndian(count, 2);

    private Encoded Add(byte value)
    {
        _bytes.Add(value);
        return this;
    }

    private Encoded BigEndian(int value, int size)
    {
        for (var shift = (size - 1) * 8; shift >= 0; shift -= 8)
            Add((byte)(value >> shift));
        return this;
    }
}
