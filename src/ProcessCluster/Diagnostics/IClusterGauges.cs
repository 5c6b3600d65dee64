namespace ProcessCluster.Diagnostics;

/// <summary>What instruments look at when somebody collects them. Read on any thread.</summary>
internal interface IClusterGauges
{
    /// <summary>How many workers there are in each state in which one can be; every state is there, also with none.</summary>
    IReadOnlyList<(string State, int Count)> Workers { get; }

    /// <summary>Requests begun and not ended, as the workers said last.</summary>
    int ActiveRequests { get; }

    /// <summary>Connections that wait for a worker.</summary>
    int WaitingConnections { get; }

    /// <summary>Connections of workers of which the primary keeps a copy.</summary>
    int KeptConnections { get; }

    /// <summary>What went to workers over their links, and what came.</summary>
    (LinkFigures Sent, LinkFigures Received) Links { get; }
}

/// <summary>What went over links in one direction, from their beginning: messages, requests and what answers them.</summary>
internal readonly record struct LinkFigures(long Messages, long Bytes)
{
    public static LinkFigures operator +(LinkFigures left, LinkFigures right) => new(left.Messages + right.Messages, left.Bytes + right.Bytes);
}
