using System.Globalization;
using ProcessCluster.Serialization;

namespace ProcessCluster.Tests.Serialization;

/// <summary>A message as applications have them, with what generated code would do for it, written by hand.</summary>
internal sealed record Order(
    int Id, string? Customer, DateTime Placed, decimal Total, bool Paid, List<string?>? Tags, Dictionary<string, int>? Items, Guid Key, byte[]? Data, Order? Next)
{
    public static Order Sample(int depth = 2) => new(
        123_456, "Größmann & Söhne 🚀", new DateTime(2024, 2, 29, 12, 30, 15, 250, DateTimeKind.Utc), 1234.50m, true, ["new", null, "express"],
        new Dictionary<string, int> { ["apple"] = 3, ["pear"] = 400_000 }, Guid.Parse("00112233-4455-6677-8899-aabbccddeeff", CultureInfo.InvariantCulture),
        [1, 2, 3, 255], depth == 0 ? null : Sample(depth - 1));
}

internal sealed class OrderFormatter : IMessageFormatter<Order?>
{
    public static readonly OrderFormatter Instance = new();

    private static readonly ListFormatter<string?> Tags = new(StringFormatter.Instance);
    private static readonly DictionaryFormatter<string, int> Items = new(StringFormatter.Instance!, Int32Formatter.Instance);

    public void Write(ref MessagePackWriter writer, in Order? value)
    {
        if (value is null)
        {
            writer.WriteNil();
            return;
        }
        writer.WriteMapHeader(10);
        writer.Enter();
        writer.WriteUtf8("Id"u8);
        writer.Write(value.Id);
        writer.WriteUtf8("Customer"u8);
        writer.Write(value.Customer);
        writer.WriteUtf8("Placed"u8);
        writer.Write(value.Placed);
        writer.WriteUtf8("Total"u8);
        DecimalFormatter.Instance.Write(ref writer, value.Total);
        writer.WriteUtf8("Paid"u8);
        writer.Write(value.Paid);
        writer.WriteUtf8("Tags"u8);
        Tags.Write(ref writer, value.Tags);
        writer.WriteUtf8("Items"u8);
        Items.Write(ref writer, value.Items);
        writer.WriteUtf8("Key"u8);
        GuidFormatter.Instance.Write(ref writer, value.Key);
        writer.WriteUtf8("Data"u8);
        ByteArrayFormatter.Instance.Write(ref writer, value.Data);
        writer.WriteUtf8("Next"u8);
        Write(ref writer, value.Next);
        writer.Leave();
    }

    public Order? Read(ref MessagePackReader reader)
    {
        if (reader.TryReadNil())
            return null;
        var order = new Order(0, null, default, 0, false, null, null, default, null, null);
        var count = reader.ReadMapHeader();
        reader.Enter();
        for (; count > 0; count--)
        {
            var name = reader.ReadUtf8();
            if (name.SequenceEqual("Id"u8))
                order = order with { Id = reader.ReadInt32() };
            else if (name.SequenceEqual("Customer"u8))
                order = order with { Customer = reader.ReadString() };
            else if (name.SequenceEqual("Placed"u8))
                order = order with { Placed = reader.ReadDateTime() };
            else if (name.SequenceEqual("Total"u8))
                order = order with { Total = DecimalFormatter.Instance.Read(ref reader) };
            else if (name.SequenceEqual("Paid"u8))
                order = order with { Paid = reader.ReadBoolean() };
            else if (name.SequenceEqual("Tags"u8))
                order = order with { Tags = Tags.Read(ref reader) };
            else if (name.SequenceEqual("Items"u8))
                order = order with { Items = Items.Read(ref reader) };
            else if (name.SequenceEqual("Key"u8))
                order = order with { Key = GuidFormatter.Instance.Read(ref reader) };
            else if (name.SequenceEqual("Data"u8))
                order = order with { Data = reader.ReadBytes() };
            else if (name.SequenceEqual("Next"u8))
                order = order with { Next = Read(ref reader) };
            else
                reader.Skip();
        }
        reader.Leave();
        return order;
    }
}
