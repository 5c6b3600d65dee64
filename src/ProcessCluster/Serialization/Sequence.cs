using System.Runtime.InteropServices;

namespace ProcessCluster.Serialization;

/// <summary>Arrays of elements of one type. What is allocated ahead is bounded by <see cref="MessagePackReader.ReadArrayHeader()"/>.</summary>
internal static class Sequence
{
    public static void Write<T>(ref MessagePackWriter writer, scoped ReadOnlySpan<T> elements, IMessageFormatter<T> formatter)
    {
        writer.WriteArrayHeader(elements.Length);
        writer.Enter();
        for (var i = 0; i < elements.Length; i++)
            formatter.Write(ref writer, in elements[i]);
        writer.Leave();
    }

    /// <summary>Writes any sequence, which is gone through once.</summary>
    /// <exception cref="InvalidOperationException">It has another number of elements than it says.</exception>
    public static void Write<T>(ref MessagePackWriter writer, IEnumerable<T>? elements, IMessageFormatter<T> formatter)
    {
        if (elements is null)
        {
            writer.WriteNil();
            return;
        }
        if (elements.GetType() == typeof(List<T>))
        {
            Write(ref writer, CollectionsMarshal.AsSpan((List<T>)elements), formatter);
            return;
        }
        if (elements.GetType() == typeof(T[]))
        {
            Write(ref writer, new ReadOnlySpan<T>((T[])elements), formatter);
            return;
        }
        // The count stands before the elements: what has none is gone through first, and only once, for it may be a query.
        if (!TryGetCount(elements, out var count))
        {
            Write(ref writer, new ReadOnlySpan<T>([.. elements]), formatter);
            return;
        }
        writer.WriteArrayHeader(count);
        writer.Enter();
        foreach (var element in elements)
        {
            formatter.Write(ref writer, in element);
            count--;
        }
        writer.Leave();
        if (count != 0)
            throw Changed(elements);
    }

    public static T[]? ReadArray<T>(ref MessagePackReader reader, IMessageFormatter<T> formatter)
    {
        if (reader.TryReadNil())
            return null;
        var count = reader.ReadArrayHeader();
        if (count == 0)
            return [];
        var elements = new T[count];
        reader.Enter();
        for (var i = 0; i < elements.Length; i++)
            elements[i] = formatter.Read(ref reader);
        reader.Leave();
        return elements;
    }

    public static List<T>? ReadList<T>(ref MessagePackReader reader, IMessageFormatter<T> formatter)
    {
        if (reader.TryReadNil())
            return null;
        var count = reader.ReadArrayHeader();
        var elements = new List<T>(count);
        reader.Enter();
        for (; count > 0; count--)
            elements.Add(formatter.Read(ref reader));
        reader.Leave();
        return elements;
    }

    public static HashSet<T>? ReadSet<T>(ref MessagePackReader reader, IMessageFormatter<T> formatter)
    {
        if (reader.TryReadNil())
            return null;
        var count = reader.ReadArrayHeader();
        var elements = new HashSet<T>(count);
        reader.Enter();
        for (; count > 0; count--)
            elements.Add(formatter.Read(ref reader));
        reader.Leave();
        return elements;
    }

    private static bool TryGetCount<T>(IEnumerable<T> elements, out int count)
    {
        if (elements is not IReadOnlyCollection<T> counted)
            return elements.TryGetNonEnumeratedCount(out count);
        count = counted.Count;
        return true;
    }

    public static InvalidOperationException Changed(object collection) => new(
        $"{collection.GetType()} has another number of elements than it says: it was changed while it was written. Lock it or send a copy.");
}
