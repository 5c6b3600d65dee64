namespace ProcessCluster.Serialization;

/// <summary>
/// <see cref="Dictionary{TKey, TValue}"/> as a map, null as nil. It is read with the default comparer. Of equal keys the last is read.
/// </summary>
/// <typeparam name="TKey">The type of the keys.</typeparam>
/// <typeparam name="TValue">The type of the values.</typeparam>
/// <param name="key">The formatter of a key.</param>
/// <param name="value">The formatter of a value.</param>
public sealed class DictionaryFormatter<TKey, TValue>(IMessageFormatter<TKey> key, IMessageFormatter<TValue> value)
    : IMessageFormatter<Dictionary<TKey, TValue>?>
    where TKey : notnull
{
    private readonly IMessageFormatter<TKey> _key = key;
    private readonly IMessageFormatter<TValue> _value = value;

    /// <inheritdoc/>
    public void Write(ref MessagePackWriter writer, in Dictionary<TKey, TValue>? value)
    {
        if (value is null)
        {
            writer.WriteNil();
            return;
        }
        writer.WriteMapHeader(value.Count);
        writer.Enter();
        foreach (var (key, item) in value)
        {
            _key.Write(ref writer, in key);
            _value.Write(ref writer, in item);
        }
        writer.Leave();
    }

    /// <inheritdoc/>
    public Dictionary<TKey, TValue>? Read(ref MessagePackReader reader) => Pairs.Read(ref reader, _key, _value);
}

/// <summary>
/// Any dictionary as a map, null as nil. It is read as a <see cref="Dictionary{TKey, TValue}"/> with the default comparer.
/// Of equal keys the last is read.
/// </summary>
/// <typeparam name="TKey">The type of the keys.</typeparam>
/// <typeparam name="TValue">The type of the values.</typeparam>
/// <param name="key">The formatter of a key.</param>
/// <param name="value">The formatter of a value.</param>
public sealed class DictionaryInterfaceFormatter<TKey, TValue>(IMessageFormatter<TKey> key, IMessageFormatter<TValue> value)
    : IMessageFormatter<IDictionary<TKey, TValue>?>
    where TKey : notnull
{
    private readonly IMessageFormatter<TKey> _key = key;
    private readonly IMessageFormatter<TValue> _value = value;

    /// <inheritdoc/>
    public void Write(ref MessagePackWriter writer, in IDictionary<TKey, TValue>? value) => Pairs.Write(ref writer, value, _key, _value);

    /// <inheritdoc/>
    public IDictionary<TKey, TValue>? Read(ref MessagePackReader reader) => Pairs.Read(ref reader, _key, _value);
}

/// <summary>
/// Any dictionary as a map, null as nil. It is read as a <see cref="Dictionary{TKey, TValue}"/> with the default comparer.
/// Of equal keys the last is read.
/// </summary>
/// <typeparam name="TKey">The type of the keys.</typeparam>
/// <typeparam name="TValue">The type of the values.</typeparam>
/// <param name="key">The formatter of a key.</param>
/// <param name="value">The formatter of a value.</param>
public sealed class ReadOnlyDictionaryFormatter<TKey, TValue>(IMessageFormatter<TKey> key, IMessageFormatter<TValue> value)
    : IMessageFormatter<IReadOnlyDictionary<TKey, TValue>?>
    where TKey : notnull
{
    private readonly IMessageFormatter<TKey> _key = key;
    private readonly IMessageFormatter<TValue> _value = value;

    /// <inheritdoc/>
    public void Write(ref MessagePackWriter writer, in IReadOnlyDictionary<TKey, TValue>? value) => Pairs.Write(ref writer, value, _key, _value);

    /// <inheritdoc/>
    public IReadOnlyDictionary<TKey, TValue>? Read(ref MessagePackReader reader) => Pairs.Read(ref reader, _key, _value);
}

/// <summary>
/// <see cref="SortedDictionary{TKey, TValue}"/> as a map in its order, null as nil. It is read with the default comparer.
/// Of equal keys the last is read.
/// </summary>
/// <typeparam name="TKey">The type of the keys.</typeparam>
/// <typeparam name="TValue">The type of the values.</typeparam>
/// <param name="key">The formatter of a key.</param>
/// <param name="value">The formatter of a value.</param>
public sealed class SortedDictionaryFormatter<TKey, TValue>(IMessageFormatter<TKey> key, IMessageFormatter<TValue> value)
    : IMessageFormatter<SortedDictionary<TKey, TValue>?>
    where TKey : notnull
{
    private readonly IMessageFormatter<TKey> _key = key;
    private readonly IMessageFormatter<TValue> _value = value;

    /// <inheritdoc/>
    public void Write(ref MessagePackWriter writer, in SortedDictionary<TKey, TValue>? value) => Pairs.Write(ref writer, value, _key, _value);

    /// <inheritdoc/>
    public SortedDictionary<TKey, TValue>? Read(ref MessagePackReader reader)
    {
        if (reader.TryReadNil())
            return null;
        var dictionary = new SortedDictionary<TKey, TValue>();
        var count = reader.ReadMapHeader();
        reader.Enter();
        for (; count > 0; count--)
        {
            var key = Pairs.ReadKey(ref reader, _key);
            dictionary[key] = _value.Read(ref reader);
        }
        reader.Leave();
        return dictionary;
    }
}

/// <summary>A key with its value as an array of two.</summary>
/// <typeparam name="TKey">The type of the keys.</typeparam>
/// <typeparam name="TValue">The type of the values.</typeparam>
/// <param name="key">The formatter of a key.</param>
/// <param name="value">The formatter of a value.</param>
public sealed class KeyValuePairFormatter<TKey, TValue>(IMessageFormatter<TKey> key, IMessageFormatter<TValue> value)
    : IMessageFormatter<KeyValuePair<TKey, TValue>>
{
    private readonly IMessageFormatter<TKey> _key = key;
    private readonly IMessageFormatter<TValue> _value = value;

    /// <inheritdoc/>
    public void Write(ref MessagePackWriter writer, in KeyValuePair<TKey, TValue> value)
    {
        var (key, item) = value;
        writer.WriteArrayHeader(2);
        writer.Enter();
        _key.Write(ref writer, in key);
        _value.Write(ref writer, in item);
        writer.Leave();
    }

    /// <inheritdoc/>
    public KeyValuePair<TKey, TValue> Read(ref MessagePackReader reader)
    {
        reader.ReadArrayHeader(2, "a key with its value");
        reader.Enter();
        var key = _key.Read(ref reader);
        var value = _value.Read(ref reader);
        reader.Leave();
        return new KeyValuePair<TKey, TValue>(key, value);
    }
}
