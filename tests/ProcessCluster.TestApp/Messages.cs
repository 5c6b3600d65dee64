namespace ProcessCluster.TestApp;

[ClusterMessage]
public sealed record Greeting(string Text, int Count);

[ClusterMessage]
public sealed record Ask(int Number);

[ClusterMessage]
public sealed record Answer(long Square);

/// <summary>What a handler of requests is told to do instead of answering.</summary>
[ClusterMessage]
public sealed record Trouble(string Kind);

/// <summary>Asks a worker to send on, or to ask, another one.</summary>
[ClusterMessage]
public sealed record Relay(int To, int Number);

[ClusterMessage]
public sealed record RelayResult(string Text);

/// <summary>Asks a worker to ask all others, and to count how that ends.</summary>
[ClusterMessage]
public sealed record Storm(int[] Others, int Requests);

[ClusterMessage]
public sealed record StormResult(int Answered, int Failed, string[] Errors);

[ClusterMessage]
public sealed record Blob(byte[] Bytes);

/// <summary>The new version of this is in another program: it has a member more and one less.</summary>
[ClusterMessage(Name = "Versioned")]
public sealed record Versioned(string Kept, int Dropped = 5);

[ClusterMessage(Name = "VersionedAnswer")]
public sealed record VersionedAnswer(string Seen, string Kept);
