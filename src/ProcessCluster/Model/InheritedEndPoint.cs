using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace ProcessCluster;

/// <summary>
/// A socket that the primary was started with: a descriptor by its number, as in <c>listen({ fd })</c> of Node, or a socket of systemd by its name
/// (<c>FileDescriptorName=</c> of its unit; without it the unit's name). A worker that listens on it means the primary's. It has to be a stream
/// socket that listens, or is bound and can. The cluster works on a copy: it closes neither the descriptor nor removes a file, so that
/// clients wait in the kernel when the cluster has ended, and the same descriptor can be asked for again.
/// </summary>
public sealed class InheritedEndPoint : EndPoint, IEquatable<InheritedEndPoint>
{
    /// <summary>The limit of systemd (<c>man 3 sd_listen_fds_with_names</c>).</summary>
    internal const int MaxNameLength = 255;

    /// <summary>A descriptor of the primary.</summary>
    /// <param name="descriptor">Its number there; the first one of systemd is 3.</param>
    /// <exception cref="ArgumentOutOfRangeException">It is negative.</exception>
    public InheritedEndPoint(int descriptor)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(descriptor);
        Descriptor = descriptor;
    }

    /// <summary>A socket that systemd has given the primary (<c>LISTEN_FDNAMES</c>).</summary>
    /// <param name="name">Its name there: 1 to 255 characters, compared ordinally.</param>
    /// <exception cref="ArgumentException">It is empty or too long.</exception>
    public InheritedEndPoint(string name)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        if (name.Length > MaxNameLength)
            throw new ArgumentException($"The name of a socket of systemd has at most {MaxNameLength} characters; this one has {name.Length}.", nameof(name));
        Name = name;
    }

    /// <summary>The number; null when it was given by its name.</summary>
    public int? Descriptor { get; }

    /// <summary>The name; null when it was given by its number.</summary>
    public string? Name { get; }

    /// <summary>Not known before it is used.</summary>
    public override AddressFamily AddressFamily => AddressFamily.Unspecified;

    /// <summary>For messages: <c>descriptor 3</c>, <c>socket 'web' of systemd</c>.</summary>
    public override string ToString() => Name is null
        ? string.Create(CultureInfo.InvariantCulture, $"descriptor {Descriptor}")
        : $"socket '{Name}' of systemd";

    /// <inheritdoc/>
    public bool Equals(InheritedEndPoint? other) => other is not null && Descriptor == other.Descriptor && Name == other.Name;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as InheritedEndPoint);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Descriptor, Name);
}
