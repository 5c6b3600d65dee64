namespace ProcessCluster;

/// <summary>
/// Declares a type as a message, so that the source generator writes the code that puts it into bytes and takes it out again. Types that
/// its members reach need no declaration of their own. A generic type cannot be declared.
/// </summary>
[AttributeUsage(AttributeTargets.Class | AttributeTargets.Struct | AttributeTargets.Interface, Inherited = false)]
public sealed class ClusterMessageAttribute : Attribute
{
    /// <summary>
    /// The name on the wire, by which a receiver knows the type; one name stands for one type. Default: the full name of the type, as
    /// <see cref="Type.FullName"/> gives it.
    /// </summary>
    public string? Name { get; set; }
}
