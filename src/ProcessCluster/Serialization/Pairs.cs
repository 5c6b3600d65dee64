namespace ProcessCluster.Serialization;

/// <summary>Maps of keys and values of one type each. What is allocated ahead is bounded by <see cref="MessagePackReader.ReadMapHeader"/>.</summary>
internal static class Pairs
{
    /// <summary>Writes any sequence of pairs that has a count, which all dictionaries have.</summary>
    /// <exception cref="InvalidOperationException">It has another number of pairs than it says.</exception>
    public static void Write<TKey, TValue>(
        ref MessagePackWriter writer,
        IEnumerable<KeyValuePair<TKey, TValue>>? pairs,
        IMessageFormatter<TKey> keys,
        IMessageFormatter<TValue> values)
    {
        if (pairs is null)
        {
            writer.WriteNil();
            return;
        }
        var count = pairs is IReadOnlyCollection<KeyValuePair<TKey, TValue>> counted ? counted.Count : pairs.Count();
        writer.WriteMapHeader(count);
        writer.Enter();
        foreach (var (key, value) in pairs)
        {
            keys.Write(ref writer, in key);
            values.Write(ref writer, in value);
            count--;
        }
        writer.Leave();
        if (count != 0)
            throw Sequence.Changed(pairs);
    }

    public static Dictionary<TKey, TValue>? Read<TKey, TValue>(
        ref MessagePackReader reader, IMessageFormatter<TKey> keys, IMessageFormatter<TValue> values)
        where TKey : notnull
    {
        if (reader.TryReadNil())
            return null;
        var count = reader.ReadMapHeader();
        var dictionary = new Dictionary<TKey, TValue>(count);
        reader.Enter();
        for (; count > 0; count--)
        {
            var key = ReadKey(ref reader, keys);
            dictionary[key] = values.Read(ref reader);
        }
        reader.Leave();
        return dictionary;
    }

    /// <summary>Reads a key, which no dictionary allows to be null.</summary>
    public static TKey ReadKey<TKey>(ref MessagePackReader reader, IMessageFormatter<TKey> keys)
    {
        var start = reader.Consumed;
        return keys.Read(ref reader) is { } key ? key : throw new MessageFormatException("a key", "nil", start);
    }
}
