namespace ProcessCluster.Serialization;

/// <summary><see cref="HashSet{T}"/> as an array, null as nil. It is read with the default comparer.</summary>
/// <typeparam name="T">The type of the elements.</typeparam>
/// <param name="element">The formatter of an element.</param>
public sealed class HashSetFormatter<T>(IMessageFormatter<T> element) : IMessageFormatter<HashSet<T>?>
{
    private readonly IMessageFormatter<T> _element = element;

    /// <inheritdoc/>
    public void Write(ref MessagePackWriter writer, in HashSet<T>? value) => Sequence.Write(ref writer, value, _element);

    /// <inheritdoc/>
    public HashSet<T>? Read(ref MessagePackReader reader) => Sequence.ReadSet(ref reader, _element);
}

/// <summary>Any set as an array, null as nil. It is read as a <see cref="HashSet{T}"/> with the default comparer.</summary>
/// <typeparam name="T">The type of the elements.</typeparam>
/// <param name="element">The formatter of an element.</param>
public sealed class SetInterfaceFormatter<T>(IMessageFormatter<T> element) : IMessageFormatter<ISet<T>?>
{
    private readonly IMessageFormatter<T> _element = element;

    /// <inheritdoc/>
    public void Write(ref MessagePackWriter writer, in ISet<T>? value) => Sequence.Write(ref writer, value, _element);

    /// <inheritdoc/>
    public ISet<T>? Read(ref MessagePackReader reader) => Sequence.ReadSet(ref reader, _element);
}

/// <summary>Any set as an array, null as nil. It is read as a <see cref="HashSet{T}"/> with the default comparer.</summary>
/// <typeparam name="T">The type of the elements.</typeparam>
/// <param name="element">The formatter of an element.</param>
public sealed class ReadOnlySetFormatter<T>(IMessageFormatter<T> element) : IMessageFormatter<IReadOnlySet<T>?>
{
    private readonly IMessageFormatter<T> _element = element;

    /// <inheritdoc/>
    public void Write(ref MessagePackWriter writer, in IReadOnlySet<T>? value) => Sequence.Write(ref writer, value, _element);

    /// <inheritdoc/>
    public IReadOnlySet<T>? Read(ref MessagePackReader reader) => Sequence.ReadSet(ref reader, _element);
}

/// <summary><see cref="SortedSet{T}"/> as an array in its order, null as nil. It is read with the default comparer.</summary>
/// <typeparam name="T">The type of the elements.</typeparam>
/// <param name="element">The formatter of an element.</param>
public sealed class SortedSetFormatter<T>(IMessageFormatter<T> element) : IMessageFormatter<SortedSet<T>?>
{
    private readonly IMessageFormatter<T> _element = element;

    /// <inheritdoc/>
    public void Write(ref MessagePackWriter writer, in SortedSet<T>? value) => Sequence.Write(ref writer, value, _element);

    /// <inheritdoc/>
    public SortedSet<T>? Read(ref MessagePackReader reader)
    {
        var elements = Sequence.ReadList(ref reader, _element);
        return elements is null ? null : new SortedSet<T>(elements);
    }
}
