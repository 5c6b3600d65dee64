namespace ProcessCluster;

/// <summary>
/// Names a type that may stand for the abstract class or interface that bears the attribute. The value is written as an array of two:
/// the key, then the value itself.
/// </summary>
/// <param name="key">The number that stands for the type on the wire; never give it to another type later.</param>
/// <param name="type">A type that can be assigned to the one that bears the attribute.</param>
[AttributeUsage(AttributeTargets.Class | AttributeTargets.Interface, AllowMultiple = true, Inherited = false)]
public sealed class ClusterUnionAttribute(int key, Type type) : Attribute
{
    /// <summary>The number that stands for the type on the wire.</summary>
    public int Key { get; } = key;

    /// <summary>The type that the number stands for.</summary>
    public Type Type { get; } = type;
}
