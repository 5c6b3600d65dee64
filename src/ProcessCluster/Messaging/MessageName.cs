using System.Text;
using ProcessCluster.Protocol;
using ProcessCluster.Serialization;

namespace ProcessCluster.Messaging;

/// <summary>The name of a type of message on the wire.</summary>
internal static class MessageName
{
    /// <exception cref="ClusterMessageException">The name is too long.</exception>
    public static byte[] Of<T>() => Cache<T>.Name ?? throw new ClusterMessageException(
        $"The name of {typeof(T)} is longer than {FrameHeader.MaxName} bytes in UTF-8. Give it a shorter one: [ClusterMessage(Name = \"…\")].");

    private static class Cache<T>
    {
        public static readonly byte[]? Name = Encoding.UTF8.GetBytes(MessageTypes.NameOf<T>()) is { Length: <= FrameHeader.MaxName } name ? name : null;
    }
}

/// <summary>Compares names by their bytes, so that one is found without making a string of it.</summary>
internal sealed class NameComparer : IEqualityComparer<byte[]>, IAlternateEqualityComparer<ReadOnlySpan<byte>, byte[]>
{
    public static NameComparer Instance { get; } = new();

    public bool Equals(byte[]? x, byte[]? y) => x.AsSpan().SequenceEqual(y);

    public int GetHashCode(byte[] obj) => GetHashCode(obj.AsSpan());

    public bool Equals(ReadOnlySpan<byte> alternate, byte[] other) => alternate.SequenceEqual(other);

    public int GetHashCode(ReadOnlySpan<byte> alternate)
    {
        var hash = new HashCode();
        hash.AddBytes(alternate);
        return hash.ToHashCode();
    }

    public byte[] Create(ReadOnlySpan<byte> alternate) => alternate.ToArray();
}
