namespace ProcessCluster.Serialization;

/// <summary>Any sequence as an array; it is read as an array. Null is nil.</summary>
/// <typeparam name="T">The type of the elements.</typeparam>
/// <param name="element">The formatter of an element.</param>
public sealed class EnumerableFormatter<T>(IMessageFormatter<T> element) : IMessageFormatter<IEnumerable<T>?>
{
    private readonly IMessageFormatter<T> _element = element;

    /// <inheritdoc/>
    public void Write(ref MessagePackWriter writer, in IEnumerable<T>? value) => Sequence.Write(ref writer, value, _element);

    /// <inheritdoc/>
    public IEnumerable<T>? Read(ref MessagePackReader reader) => Sequence.ReadArray(ref reader, _element);
}

/// <summary>Any read-only collection as an array; it is read as an array. Null is nil.</summary>
/// <typeparam name="T">The type of the elements.</typeparam>
/// <param name="element">The formatter of an element.</param>
public sealed class ReadOnlyCollectionFormatter<T>(IMessageFormatter<T> element) : IMessageFormatter<IReadOnlyCollection<T>?>
{
    private readonly IMessageFormatter<T> _element = element;

    /// <inheritdoc/>
    public void Write(ref MessagePackWriter writer, in IReadOnlyCollection<T>? value) => Sequence.Write(ref writer, value, _element);

    /// <inheritdoc/>
    public IReadOnlyCollection<T>? Read(ref MessagePackReader reader) => Sequence.ReadArray(ref reader, _element);
}

/// <summary>Any read-only list as an array; it is read as an array. Null is nil.</summary>
/// <typeparam name="T">The type of the elements.</typeparam>
/// <param name="element">The formatter of an element.</param>
public sealed class ReadOnlyListFormatter<T>(IMessageFormatter<T> element) : IMessageFormatter<IReadOnlyList<T>?>
{
    private readonly IMessageFormatter<T> _element = element;

    /// <inheritdoc/>
    public void Write(ref MessagePackWriter writer, in IReadOnlyList<T>? value) => Sequence.Write(ref writer, value, _element);

    /// <inheritdoc/>
    public IReadOnlyList<T>? Read(ref MessagePackReader reader) => Sequence.ReadArray(ref reader, _element);
}

/// <summary>Any collection as an array; it is read as a <see cref="List{T}"/>. Null is nil.</summary>
/// <typeparam name="T">The type of the elements.</typeparam>
/// <param name="element">The formatter of an element.</param>
public sealed class CollectionInterfaceFormatter<T>(IMessageFormatter<T> element) : IMessageFormatter<ICollection<T>?>
{
    private readonly IMessageFormatter<T> _element = element;

    /// <inheritdoc/>
    public void Write(ref MessagePackWriter writer, in ICollection<T>? value) => Sequence.Write(ref writer, value, _element);

    /// <inheritdoc/>
    public ICollection<T>? Read(ref MessagePackReader reader) => Sequence.ReadList(ref reader, _element);
}

/// <summary>Any list as an array; it is read as a <see cref="List{T}"/>. Null is nil.</summary>
/// <typeparam name="T">The type of the elements.</typeparam>
/// <param name="element">The formatter of an element.</param>
public sealed class ListInterfaceFormatter<T>(IMessageFormatter<T> element) : IMessageFormatter<IList<T>?>
{
    private readonly IMessageFormatter<T> _element = element;

    /// <inheritdoc/>
    public void Write(ref MessagePackWriter writer, in IList<T>? value) => Sequence.Write(ref writer, value, _element);

    /// <inheritdoc/>
    public IList<T>? Read(ref MessagePackReader reader) => Sequence.ReadList(ref reader, _element);
}
