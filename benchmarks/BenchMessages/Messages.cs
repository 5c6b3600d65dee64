using ProcessCluster;

namespace BenchMessages;

/// <summary>About 100 bytes in MessagePack.</summary>
[ClusterMessage]
public readonly record struct Small(long Id, ReadOnlyMemory<byte> Payload);

[ClusterMessage]
public readonly record struct Echo(long Id, ReadOnlyMemory<byte> Payload);

[ClusterMessage]
public readonly record struct EchoAnswer(long Id, ReadOnlyMemory<byte> Payload);

[ClusterMessage]
public sealed record Blob(byte[] Bytes);

/// <summary>Asks how much has been handled since the last time, and waits until it is that much.</summary>
[ClusterMessage]
public readonly record struct Expect(int Messages);

[ClusterMessage]
public readonly record struct Done(long Bytes);
