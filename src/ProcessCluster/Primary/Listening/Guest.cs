namespace ProcessCluster.Primary.Listening;

/// <summary>A worker with the ports that it uses, each with the key that it asked for.</summary>
internal sealed record Guest(WorkerChannel Channel, Dictionary<ISharedEndPoint, string> Uses)
{
    /// <summary>The ports whose listener is in place in the worker.</summary>
    public List<SharedPort> Listens { get; } = [];

    /// <summary>Those that are its alone, and end with it.</summary>
    public List<SharedPort> Own { get; } = [];

    /// <summary>Whether it gets connections.</summary>
    public bool IsAdmitted { get; set; }

    /// <summary>Whether it never gets any again.</summary>
    public bool IsDone { get; set; }

    /// <summary>When it gave a connection back last, or was told to leave (<see cref="TimeProvider.GetTimestamp"/>).</summary>
    public long GaveAt { get; set; }
}
