using System.Runtime.InteropServices;

namespace ProcessCluster.Serialization;

/// <summary>An array of one dimension as an array, null as nil.</summary>
/// <typeparam name="T">The type of the elements.</typeparam>
/// <param name="element">The formatter of an element.</param>
public sealed class ArrayFormatter<T>(IMessageFormatter<T> element) : IMessageFormatter<T[]?>
{
    private readonly IMessageFormatter<T> _element = element;

    /// <inheritdoc/>
    public void Write(ref MessagePackWriter writer, in T[]? value)
    {
        if (value is null)
            writer.WriteNil();
        else
            Sequence.Write(ref writer, new ReadOnlySpan<T>(value), _element);
    }

    /// <inheritdoc/>
    public T[]? Read(ref MessagePackReader reader) => Sequence.ReadArray(ref reader, _element);
}

/// <summary><see cref="List{T}"/> as an array, null as nil.</summary>
/// <typeparam name="T">The type of the elements.</typeparam>
/// <param name="element">The formatter of an element.</param>
public sealed class ListFormatter<T>(IMessageFormatter<T> element) : IMessageFormatter<List<T>?>
{
    private readonly IMessageFormatter<T> _element = element;

    /// <inheritdoc/>
    public void Write(ref MessagePackWriter writer, in List<T>? value)
    {
        if (value is null)
            writer.WriteNil();
        else
            Sequence.Write(ref writer, CollectionsMarshal.AsSpan(value), _element);
    }

    /// <inheritdoc/>
    public List<T>? Read(ref MessagePackReader reader) => Sequence.ReadList(ref reader, _element);
}

/// <summary><see cref="Queue{T}"/> as an array, the first to leave first; null as nil.</summary>
/// <typeparam name="T">The type of the elements.</typeparam>
/// <param name="element">The formatter of an element.</param>
public sealed class QueueFormatter<T>(IMessageFormatter<T> element) : IMessageFormatter<Queue<T>?>
{
    private readonly IMessageFormatter<T> _element = element;

    /// <inheritdoc/>
    public void Write(ref MessagePackWriter writer, in Queue<T>? value) => Sequence.Write(ref writer, value, _element);

    /// <inheritdoc/>
    public Queue<T>? Read(ref MessagePackReader reader)
    {
        var elements = Sequence.ReadList(ref reader, _element);
        return elements is null ? null : new Queue<T>(elements);
    }
}

/// <summary><see cref="Stack{T}"/> as an array, the top first; null as nil.</summary>
/// <typeparam name="T">The type of the elements.</typeparam>
/// <param name="element">The formatter of an element.</param>
public sealed class StackFormatter<T>(IMessageFormatter<T> element) : IMessageFormatter<Stack<T>?>
{
    private readonly IMessageFormatter<T> _element = element;

    /// <inheritdoc/>
    public void Write(ref MessagePackWriter writer, in Stack<T>? value) => Sequence.Write(ref writer, value, _element);

    /// <inheritdoc/>
    public Stack<T>? Read(ref MessagePackReader reader)
    {
        var elements = Sequence.ReadList(ref reader, _element);
        elements?.Reverse();
        return elements is null ? null : new Stack<T>(elements);
    }
}

/// <summary>Memory as an array. Nil is read as empty.</summary>
/// <typeparam name="T">The type of the elements.</typeparam>
/// <param name="element">The formatter of an element.</param>
public sealed class MemoryFormatter<T>(IMessageFormatter<T> element) : IMessageFormatter<Memory<T>>
{
    private readonly IMessageFormatter<T> _element = element;

    /// <inheritdoc/>
    public void Write(ref MessagePackWriter writer, in Memory<T> value) => Sequence.Write(ref writer, (ReadOnlySpan<T>)value.Span, _element);

    /// <inheritdoc/>
    public Memory<T> Read(ref MessagePackReader reader) => Sequence.ReadArray(ref reader, _element);
}

/// <summary>Memory as an array. Nil is read as empty.</summary>
/// <typeparam name="T">The type of the elements.</typeparam>
/// <param name="element">The formatter of an element.</param>
public sealed class ReadOnlyMemoryFormatter<T>(IMessageFormatter<T> element) : IMessageFormatter<ReadOnlyMemory<T>>
{
    private readonly IMessageFormatter<T> _element = element;

    /// <inheritdoc/>
    public void Write(ref MessagePackWriter writer, in ReadOnlyMemory<T> value) => Sequence.Write(ref writer, value.Span, _element);

    /// <inheritdoc/>
    public ReadOnlyMemory<T> Read(ref MessagePackReader reader) => Sequence.ReadArray(ref reader, _element);
}
