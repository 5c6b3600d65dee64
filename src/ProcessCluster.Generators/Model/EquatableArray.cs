using System.Collections;

namespace ProcessCluster.Generators.Model;

/// <summary>An array that equals another with equal elements, so that the compiler sees what an edit has not changed.</summary>
internal readonly struct EquatableArray<T>(IEnumerable<T> items) : IEquatable<EquatableArray<T>>, IReadOnlyList<T>
    where T : IEquatable<T>
{
    private readonly T[]? _items = items.ToArray();

    public int Count => Items.Length;

    private T[] Items => _items ?? [];

    public T this[int index] => Items[index];

    public bool Equals(EquatableArray<T> other) => Items.AsSpan().SequenceEqual(other.Items);

    public override bool Equals(object? obj) => obj is EquatableArray<T> other && Equals(other);

    public override int GetHashCode() => Items.Aggregate(Count, (hash, item) => unchecked((hash * 31) + item.GetHashCode()));

    public IEnumerator<T> GetEnumerator() => ((IEnumerable<T>)Items).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}

internal static class EquatableArrays
{
    public static EquatableArray<T> ToEquatable<T>(this IEnumerable<T> items)
        where T : IEquatable<T> => new(items);

    /// <summary>Null if one of the items is.</summary>
    public static EquatableArray<T>? ToEquatableIfAll<T>(this IEnumerable<T?> items)
        where T : class, IEquatable<T>
    {
        var present = new List<T>();
        foreach (var item in items.ToList())
        {
            if (item is null)
                return null;
            present.Add(item);
        }
        return present.ToEquatable();
    }
}
