using System.Globalization;
using System.Text;
using System.Text.Json;
using ProcessCluster.Serialization;

namespace ProcessCluster.Testing;

/// <summary>
/// MessagePack values described as JSON, exactly: <c>["nil"]</c>, <c>["bool", true]</c>, <c>["int", "-7"]</c>, <c>["float", 16 digits]</c>
/// (the bits, hexadecimal), <c>["float32", 8 digits]</c>, <c>["str", text]</c>, <c>["bin", digits]</c>, <c>["ext", type, digits]</c>,
/// <c>["time", seconds, nanoseconds]</c>, <c>["array", [value…]]</c>, <c>["map", [[key, value]…]]</c>. Long values by a rule:
/// <c>["str*", text, times]</c>, <c>["bin*", digits, times]</c>, <c>["array*", value, times]</c>, <c>["map*", times]</c> (the numbers from 0,
/// each with nil), <c>["ext*", type, length]</c> (each byte 5a).
/// </summary>
internal static class MessagePackDescription
{
    private const int NanosecondsPerTick = 100;

    public static void Write(ref MessagePackWriter writer, JsonElement value)
    {
        switch (value[0].GetString())
        {
            case "nil":
                writer.WriteNil();
                break;
            case "bool":
                writer.Write(value[1].GetBoolean());
                break;
            case "int":
                WriteInteger(ref writer, value[1].GetString()!);
                break;
            case "float":
                writer.Write(BitConverter.UInt64BitsToDouble(ulong.Parse(value[1].GetString()!, NumberStyles.HexNumber, CultureInfo.InvariantCulture)));
                break;
            case "float32":
                writer.Write(BitConverter.UInt32BitsToSingle(uint.Parse(value[1].GetString()!, NumberStyles.HexNumber, CultureInfo.InvariantCulture)));
                break;
            case "str":
                writer.Write(value[1].GetString());
                break;
            case "str*":
                writer.Write(string.Concat(Enumerable.Repeat(value[1].GetString(), value[2].GetInt32())));
                break;
            case "bin":
                writer.Write(Convert.FromHexString(value[1].GetString()!));
                break;
            case "bin*":
                writer.Write(Repeated(Convert.ToByte(value[1].GetString(), 16), value[2].GetInt32()));
                break;
            case "ext":
                writer.WriteExtension(value[1].GetSByte(), Convert.FromHexString(value[2].GetString()!));
                break;
            case "ext*":
                writer.WriteExtension(value[1].GetSByte(), Repeated(0x5a, value[2].GetInt32()));
                break;
            case "time":
                writer.Write(DateTime.UnixEpoch
                    .AddTicks(long.Parse(value[1].GetString()!, CultureInfo.InvariantCulture) * TimeSpan.TicksPerSecond)
                    .AddTicks(value[2].GetInt32() / NanosecondsPerTick));
                break;
            default:
                WriteMany(ref writer, value);
                break;
        }
    }

    /// <summary>Reads one value, whatever it is.</summary>
    public static void Describe(ref MessagePackReader reader, Utf8JsonWriter json)
    {
        json.WriteStartArray();
        switch (reader.NextType)
        {
            case MessagePackType.Nil:
                reader.TryReadNil();
                json.WriteStringValue("nil");
                break;
            case MessagePackType.Boolean:
                json.WriteStringValue("bool");
                json.WriteBooleanValue(reader.ReadBoolean());
                break;
            case MessagePackType.Integer:
                json.WriteStringValue("int");
                json.WriteStringValue(ReadInteger(ref reader));
                break;
            case MessagePackType.Float:
                json.WriteStringValue("float");
                json.WriteStringValue(BitConverter.DoubleToUInt64Bits(reader.ReadDouble()).ToString("x16", CultureInfo.InvariantCulture));
                break;
            case MessagePackType.String:
                json.WriteStringValue("str");
                json.WriteStringValue(reader.ReadString());
                break;
            case MessagePackType.Binary:
                json.WriteStringValue("bin");
                json.WriteStringValue(Convert.ToHexStringLower(reader.ReadBinary()));
                break;
            case MessagePackType.Extension:
                DescribeExtension(ref reader, json);
                break;
            default:
                DescribeMany(ref reader, json);
                break;
        }
        json.WriteEndArray();
    }

    /// <summary>Reads one value, whatever it is, as the text of its description.</summary>
    public static string Describe(ref MessagePackReader reader)
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream, new JsonWriterOptions { MaxDepth = 1000 }))
            Describe(ref reader, json);
        return Encoding.UTF8.GetString(stream.GetBuffer(), 0, (int)stream.Length);
    }

    private static void WriteInteger(ref MessagePackWriter writer, string digits)
    {
        if (long.TryParse(digits, CultureInfo.InvariantCulture, out var signed))
            writer.Write(signed);
        else
            writer.Write(ulong.Parse(digits, CultureInfo.InvariantCulture));
    }

    private static string ReadInteger(ref MessagePackReader reader)
    {
        var again = reader;
        try
        {
            return reader.ReadInt64().ToString(CultureInfo.InvariantCulture);
        }
        catch (MessageFormatException)
        {
            // It is one of those above 2^63 - 1.
            reader = again;
            return reader.ReadUInt64().ToString(CultureInfo.InvariantCulture);
        }
    }

    private static void WriteMany(ref MessagePackWriter writer, JsonElement value)
    {
        switch (value[0].GetString())
        {
            case "array":
                writer.WriteArrayHeader(value[1].GetArrayLength());
                foreach (var item in value[1].EnumerateArray())
                    Write(ref writer, item);
                break;
            case "array*":
                writer.WriteArrayHeader(value[2].GetInt32());
                for (var i = 0; i < value[2].GetInt32(); i++)
                    Write(ref writer, value[1]);
                break;
            case "map":
                writer.WriteMapHeader(value[1].GetArrayLength());
                foreach (var pair in value[1].EnumerateArray())
                {
                    Write(ref writer, pair[0]);
                    Write(ref writer, pair[1]);
                }
                break;
            case "map*":
                writer.WriteMapHeader(value[1].GetInt32());
                for (var i = 0; i < value[1].GetInt32(); i++)
                {
                    writer.Write(i);
                    writer.WriteNil();
                }
                break;
            default:
                throw new FormatException($"There is no kind '{value[0]}'.");
        }
    }

    private static void DescribeMany(ref MessagePackReader reader, Utf8JsonWriter json)
    {
        var isMap = reader.NextType == MessagePackType.Map;
        var count = isMap ? reader.ReadMapHeader() : reader.ReadArrayHeader();
        json.WriteStringValue(isMap ? "map" : "array");
        json.WriteStartArray();
        reader.Enter();
        for (; count > 0; count--)
        {
            if (isMap)
            {
                json.WriteStartArray();
                Describe(ref reader, json);
            }
            Describe(ref reader, json);
            if (isMap)
                json.WriteEndArray();
        }
        reader.Leave();
        json.WriteEndArray();
    }

    private static void DescribeExtension(ref MessagePackReader reader, Utf8JsonWriter json)
    {
        var again = reader;
        var data = reader.ReadExtension(out var type);
        if (type == -1)
        {
            reader = again;
            var (seconds, ticks) = FloorDivRem(reader.ReadDateTime().Ticks - DateTime.UnixEpoch.Ticks);
            json.WriteStringValue("time");
            json.WriteStringValue(seconds.ToString(CultureInfo.InvariantCulture));
            json.WriteNumberValue(ticks * NanosecondsPerTick);
            return;
        }
        json.WriteStringValue("ext");
        json.WriteNumberValue(type);
        json.WriteStringValue(Convert.ToHexStringLower(data));
    }

    private static (long Seconds, long Ticks) FloorDivRem(long ticks)
    {
        var rest = ((ticks % TimeSpan.TicksPerSecond) + TimeSpan.TicksPerSecond) % TimeSpan.TicksPerSecond;
        return ((ticks - rest) / TimeSpan.TicksPerSecond, rest);
    }

    private static byte[] Repeated(byte value, int length)
    {
        var bytes = new byte[length];
        Array.Fill(bytes, value);
        return bytes;
    }
}
