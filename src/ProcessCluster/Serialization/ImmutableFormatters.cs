using System.Collections.Immutable;
using System.Runtime.InteropServices;

namespace ProcessCluster.Serialization;

/// <summary><see cref="ImmutableArray{T}"/> as an array, the default one as nil.</summary>
/// <typeparam name="T">The type of the elements.</typeparam>
/// <param name="element">The formatter of an element.</param>
public sealed class ImmutableArrayFormatter<T>(IMessageFormatter<T> element) : IMessageFormatter<ImmutableArray<T>>
{
    private readonly IMessageFormatter<T> _element = element;

    /// <inheritdoc/>
    public void Write(ref MessagePackWriter writer, in ImmutableArray<T> value)
    {
        if (value.IsDefault)
            writer.WriteNil();
        else
            Sequence.Write(ref writer, value.AsSpan(), _element);
    }

    /// <inheritdoc/>
    public ImmutableArray<T> Read(ref MessagePackReader reader) => ImmutableCollectionsMarshal.AsImmutableArray(Sequence.ReadArray(ref reader, _element));
}

/// <summary><see cref="ImmutableList{T}"/> as an array, null as nil.</summary>
/// <typeparam name="T">The type of the elements.</typeparam>
/// <param name="element">The formatter of an element.</param>
public sealed class ImmutableListFormatter<T>(IMessageFormatter<T> element) : IMessageFormatter<ImmutableList<T>?>
{
    private readonly IMessageFormatter<T> _element = element;

    /// <inheritdoc/>
    public void Write(ref MessagePackWriter writer, in ImmutableList<T>? value) => Sequence.Write(ref writer, value, _element);

    /// <inheritdoc/>
    public ImmutableList<T>? Read(ref MessagePackReader reader) => Sequence.ReadList(ref reader, _element)?.ToImmutableList();
}

/// <summary><see cref="ImmutableHashSet{T}"/> as an array, null as nil. It is read with the default comparer.</summary>
/// <typeparam name="T">The type of the elements.</typeparam>
/// <param name="element">The formatter of an element.</param>
public sealed class ImmutableHashSetFormatter<T>(IMessageFormatter<T> element) : IMessageFormatter<ImmutableHashSet<T>?>
{
    private readonly IMessageFormatter<T> _element = element;

    /// <inheritdoc/>
    public void Write(ref MessagePackWriter writer, in ImmutableHashSet<T>? value) => Sequence.Write(ref writer, value, _element);

    /// <inheritdoc/>
    public ImmutableHashSet<T>? Read(ref MessagePackReader reader) => Sequence.ReadList(ref reader, _element)?.ToImmutableHashSet();
}

/// <summary>
/// <see cref="ImmutableDictionary{TKey, TValue}"/> as a map, null as nil. It is read with the default comparer.
/// Of equal keys the last is read.
/// </summary>
/// <typeparam name="TKey">The type of the keys.</typeparam>
/// <typeparam name="TValue">The type of the values.</typeparam>
/// <param name="key">The formatter of a key.</param>
/// <param name="value">The formatter of a value.</param>
public sealed class ImmutableDictionaryFormatter<TKey, TValue>(IMessageFormatter<TKey> key, IMessageFormatter<TValue> value)
    : IMessageFormatter<ImmutableDictionary<TKey, TValue>?>
    where TKey : notnull
{
    private readonly IMessageFormatter<TKey> _key = key;
    private readonly IMessageFormatter<TValue> _value = value;

    /// <inheritdoc/>
    public void Write(ref MessagePackWriter writer, in ImmutableDictionary<TKey, TValue>? value) => Pairs.Write(ref writer, value, _key, _value);

    /// <inheritdoc/>
    public ImmutableDictionary<TKey, TValue>? Read(ref MessagePackReader reader) => Pairs.Read(ref reader, _key, _value)?.ToImmutableDictionary();
}
