namespace ProcessCluster;

/// <summary>The options of a UDP socket. Where several workers share it, those of the first one to ask hold.</summary>
public sealed record ClusterUdpOptions
{
    /// <summary>
    /// Gets or sets whether <c>::</c> takes IPv4 datagrams too (the opposite of <c>IPV6_V6ONLY</c>). Default true. Other addresses are not affected.
    /// With and without are two different end points.
    /// </summary>
    public bool DualMode { get; set; } = true;

    /// <summary>Gets or sets whether datagrams may be sent to broadcast addresses (<c>SO_BROADCAST</c>). Default false.</summary>
    public bool EnableBroadcast { get; set; }

    /// <summary>
    /// Gets or sets the size of the kernel's buffer for received datagrams, in bytes (<c>SO_RCVBUF</c>); further ones are lost. Default 0: the
    /// system's (<c>net.core.rmem_default</c>). At most <c>net.core.rmem_max</c>. It is one buffer for all workers.
    /// </summary>
    public int ReceiveBufferBytes { get; set; }

    /// <summary>
    /// Gets or sets the size of the kernel's buffer for datagrams to be sent, in bytes (<c>SO_SNDBUF</c>); then sending waits. Default 0: the system's
    /// (<c>net.core.wmem_default</c>). At most <c>net.core.wmem_max</c>. It is one buffer for all workers.
    /// </summary>
    public int SendBufferBytes { get; set; }

    /// <exception cref="ArgumentException">Options have values that cannot be; the message has all of them.</exception>
    internal ClusterUdpOptions Validated()
    {
        List<string> faults = [];
        if (ReceiveBufferBytes < 0)
            faults.Add($"{nameof(ReceiveBufferBytes)} is {ReceiveBufferBytes}: 0 for the system's default, or a positive number.");
        if (SendBufferBytes < 0)
            faults.Add($"{nameof(SendBufferBytes)} is {SendBufferBytes}: 0 for the system's default, or a positive number.");
        return faults.Count == 0 ? this : throw new ArgumentException(string.Join(' ', faults), "options");
    }
}
