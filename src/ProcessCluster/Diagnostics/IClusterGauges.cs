namespace ProcessCluster.Diagnostics;

/// <summary>The values that instruments read when they are collected. Read on any thread.</summary>
internal interface IClusterGauges
{
    /// <summary>Gets the number of workers in each state; every state is there, also with none.</summary>
    IReadOnlyList<(string State, int Count)> Workers { get; }

    /// <summary>Requests begun and not ended, as the workers said last.</summary>
    int ActiveRequests { get; }

    /// <summary>Connections that wait for a worker.</summary>
    int WaitingConnections { get; }

    /// <summary>Connections of workers of which the primary keeps a copy.</summary>
    int KeptConnections { get; }

    /// <summary>Gets the traffic over the workers' links.</summary>
    (LinkFigures Sent, LinkFigures Received) Links { get; }
}

/// <summary>The traffic over links in one direction since their beginning: messages, requests and answers.</summary>
internal readonly record struct LinkFigures(long Messages, long Bytes)
{
    public static LinkFigures operator +(LinkFigures left, LinkFigures right) => new(left.Messages + right.Messages, left.Bytes + right.Bytes);
}
