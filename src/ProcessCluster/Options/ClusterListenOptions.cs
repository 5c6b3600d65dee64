namespace ProcessCluster;

/// <summary>The options of listening on an end point. Where several workers share it, those of the first one to ask hold.</summary>
public sealed record ClusterListenOptions
{
    /// <summary>The limit of Linux (<c>MAX_TCP_KEEPIDLE</c>, in seconds).</summary>
    private const int MaxKeepAlive = 32_767;

    private const int MaxCrashAnswer = 2048;

    private const UnixFileMode Permissions = (UnixFileMode)0x1FF; // rwxrwxrwx

    /// <summary>Gets or sets the number of connections that the kernel holds before they are accepted. Default 512, as in Kestrel. At most <c>net.core.somaxconn</c>.</summary>
    public int Backlog { get; set; } = 512;

    /// <summary>Gets or sets whether small writes are sent at once (<c>TCP_NODELAY</c>). Default true.</summary>
    public bool NoDelay { get; set; } = true;

    /// <summary>
    /// Gets or sets whether <c>::</c> takes IPv4 connections too (the opposite of <c>IPV6_V6ONLY</c>). Default true. Other addresses are not affected.
    /// </summary>
    public bool DualMode { get; set; } = true;

    /// <summary>
    /// After which silence the kernel asks a client whether it is still there (<c>SO_KEEPALIVE</c>, <c>TCP_KEEPIDLE</c>): whole seconds, from
    /// 1 s to 32,767 s. Default zero: never. How often it asks, and when it gives the connection up, are the system's
    /// (<c>net.ipv4.tcp_keepalive_intvl</c>, <c>tcp_keepalive_probes</c>). TCP only.
    /// </summary>
    public TimeSpan KeepAlive { get; set; }

    /// <summary>
    /// Gets or sets the number of connections under way whose first data came with the first packet (TCP Fast Open, RFC 7413; <c>TCP_FASTOPEN</c>). Default 0:
    /// none. The system has to allow it for servers (bit 2 of <c>net.ipv4.tcp_fastopen</c>), else it has no effect. Data of the first packet may
    /// arrive twice: for requests that may be repeated only. TCP only.
    /// </summary>
    public int FastOpen { get; set; }

    /// <summary>
    /// Gets or sets whether the end point is this worker's alone. Default false. Whoever else asks for it gets <c>AddressAlreadyInUse</c>, and so does this request
    /// where it is shared already; port 0 is a port of its own for each worker. It closes when the worker leaves or ends, with the connections
    /// that nobody has accepted. A fixed port cannot live through a reload, which starts the new worker before the old one leaves.
    /// </summary>
    public bool Exclusive { get; set; }

    /// <summary>
    /// The permissions of the file of a Unix domain socket, whatever the umask; who may write may connect (<c>man 7 unix</c>). Default null: what the
    /// umask leaves. They hold from the moment in which the file is there. For files only, not for abstract names.
    /// </summary>
    public UnixFileMode? UnixFileMode { get; set; }

    /// <summary>
    /// The number of the user who owns the file of a Unix domain socket. Default null: the primary's. Giving files away needs <c>CAP_CHOWN</c>.
    /// </summary>
    public uint? UnixUser { get; set; }

    /// <summary>
    /// The number of the group that the file of a Unix domain socket belongs to. Default null: the primary's. It has to be one that the primary
    /// is in, or the primary needs <c>CAP_CHOWN</c>.
    /// </summary>
    public uint? UnixGroup { get; set; }

    /// <summary>
    /// In a worker: whether its program wants another connection now, asked before each; where it says no, the connection goes to another worker, and this one is
    /// asked again when it has closed a connection, or a tenth of a second later. Of a worker's own: others may have their own. It must be quick and must not block; what it throws comes
    /// out of accepting, and the connection goes to another worker. Default null: always.
    /// </summary>
    public Func<bool>? CanAccept { get; set; }

    /// <summary>
    /// Gets or sets whether the program reports the state of each connection (<see cref="ClusterConnection.Report"/>), so that it can outlive its worker: the primary keeps a copy
    /// of those that <see cref="ClusterListener.AcceptConnectionAsync"/> gives, when <see cref="ClusterOptions.ConnectionSurvival"/> is on. Default false.
    /// </summary>
    public bool ReportsState { get; set; }

    /// <summary>
    /// Gets or sets the answer to a client whose request was under way (<see cref="ClusterConnectionState.Busy"/>) when its worker ended. Then the primary closes the connection. At most
    /// 2,048 bytes. Default: nothing.
    /// </summary>
    public ReadOnlyMemory<byte> CrashAnswer { get; set; }

    /// <exception cref="ArgumentException">Options have values that cannot be; the message has all of them.</exception>
    internal ClusterListenOptions Validated()
    {
        List<string> faults = [];
        if (KeepAlive != TimeSpan.Zero && (KeepAlive.TotalSeconds is < 1 or > MaxKeepAlive || KeepAlive.Ticks % TimeSpan.TicksPerSecond != 0))
            faults.Add($"{nameof(KeepAlive)} is {KeepAlive}: zero for none, or whole seconds from 1 to {MaxKeepAlive}.");
        if (FastOpen < 0)
            faults.Add($"{nameof(FastOpen)} is {FastOpen}: 0 for none, or how many connections.");
        if (UnixFileMode is { } mode && (mode & ~Permissions) != 0)
            faults.Add($"{nameof(UnixFileMode)} is {mode}: read, write and execute of user, group and others only.");
        if (UnixUser == uint.MaxValue || UnixGroup == uint.MaxValue)
            faults.Add($"{nameof(UnixUser)} or {nameof(UnixGroup)} is {uint.MaxValue}, which is nobody's number: null leaves it as it is.");
        if (CrashAnswer.Length > MaxCrashAnswer)
            faults.Add($"{nameof(CrashAnswer)} has {CrashAnswer.Length} bytes: at most {MaxCrashAnswer}.");
        return faults.Count == 0 ? this : throw new ArgumentException(string.Join(' ', faults), "options");
    }
}
