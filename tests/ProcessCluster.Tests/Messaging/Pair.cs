using System.Buffers;
using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.Extensions.Logging.Abstractions;
using ProcessCluster.Linux.Events;
using ProcessCluster.Linux.Interop;
using ProcessCluster.Messaging;
using ProcessCluster.Messaging.Links;
using ProcessCluster.Protocol;

namespace ProcessCluster.Tests.Messaging;

/// <summary>Two ends of messaging in one process over real pipes: a primary (0) and a worker (1).</summary>
internal sealed unsafe class Pair : IDisposable
{
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private static readonly EventLoop Loop = new("pair", static exception => Environment.FailFast("loop", exception));

    private readonly Descriptor _rawWrite;

    /// <param name="workerReads">Whether the worker's end reads from the beginning.</param>
    /// <param name="configure">Changes the options of both.</param>
    public Pair(bool workerReads = true, Action<ClusterOptions>? configure = null)
    {
        var options = new ClusterOptions { Serializer = new JsonMessages() };
        configure?.Invoke(options);
        var (toWorker, toPrimary) = (Open(), Open());
        _rawWrite = toWorker.Write;
        Primary = new End(0, 1, "worker 1", toPrimary.Read, toWorker.Write, options);
        Worker = new End(1, 0, "The primary", toWorker.Read, toPrimary.Write, options);
        Primary.Link.Start();
        if (workerReads)
            Worker.Link.Start();
    }

    public End Primary { get; }

    public End Worker { get; }

    /// <summary>Writes to the worker what no primary writes.</summary>
    public void WriteToWorker(ReadOnlySpan<byte> bytes) => Assert.Equal(bytes.Length, Pipe.Write(_rawWrite, bytes));

    /// <summary>The same for more than the pipe holds; false when nobody reads any more.</summary>
    public bool TryWriteAllToWorker(ReadOnlySpan<byte> bytes)
    {
        var deadline = Environment.TickCount64 + (long)Patience.TotalMilliseconds;
        while (!bytes.IsEmpty && Environment.TickCount64 < deadline)
        {
            var written = Pipe.Write(_rawWrite, bytes);
            if (written < 0)
                return false;
            bytes = bytes[written..];
        }
        return bytes.IsEmpty;
    }

    public void Dispose()
    {
        Primary.Link.Dispose();
        Worker.Link.Dispose();
    }

    private static (Descriptor Read, Descriptor Write) Open()
    {
        var pair = stackalloc int[2];
        Assert.Equal(0, Libc.pipe2(pair, Libc.O_CLOEXEC));
        return (new Descriptor(pair[0]), new Descriptor(pair[1]));
    }

    internal sealed class End : ILinkPeer
    {
        private readonly TaskCompletionSource<string?> _closed = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public End(int self, int peer, string peerName, Descriptor read, Descriptor write, ClusterOptions options)
        {
            Scope = new MessagingScope(NullLogger.Instance, TimeProvider.System) { Options = options };
            Link = new Link(read, write, Loop, $"pair {self}", () => options.MaxMessageBytes, isHeld: false, this);
            Channel = new MessageChannel(self, peer, peerName, Link.Outbox, Scope);
            Peer = peer;
        }

        public MessagingScope Scope { get; }

        public Link Link { get; }

        public MessageChannel Channel { get; }

        public int Peer { get; }

        public MessageHandlers Handlers => Scope.Handlers;

        /// <summary>The peer's fault, or null at a plain end.</summary>
        public bool HasClosed => _closed.Task.IsCompleted;

        public Task<string?> Closed => _closed.Task.WaitAsync(Patience);

        public ValueTask SendAsync<T>(T message, CancellationToken cancellationToken = default) => Channel.SendAsync(Peer, message, cancellationToken);

        public ValueTask<TAnswer> RequestAsync<TRequest, TAnswer>(
            TRequest request, TimeSpan? timeout = null, CancellationToken cancellationToken = default) =>
            Channel.RequestAsync<TRequest, TAnswer>(Peer, request, timeout, cancellationToken);

        void ILinkPeer.Receive(ControlMessage message)
        {
        }

        IThreadPoolWorkItem? ILinkPeer.Receive(in FrameHeader header, ReadOnlySpan<byte> frame, ref FrameBytes rented)
        {
            Channel.Arrived(header);
            return Channel.Receive(header, frame, ref rented);
        }

        void ILinkPeer.Closed(string? fault)
        {
            Channel.StopSending("The other end is gone.");
            Channel.EndReceiving();
            Channel.FailPending("The other end is gone.");
            _closed.SetResult(fault);
        }
    }

    /// <summary>The seam in use: messages as JSON.</summary>
    internal sealed class JsonMessages : IMessageSerializer
    {
        public void Serialize<T>(in T message, IBufferWriter<byte> output)
        {
            using var writer = new Utf8JsonWriter(output);
            JsonSerializer.Serialize(writer, message);
        }

        public T Deserialize<T>(ReadOnlyMemory<byte> body) => JsonSerializer.Deserialize<T>(body.Span)!;
    }
}

internal sealed record Greeting(string Text, int Count);

internal sealed record Other(int Value);

internal sealed record Ask(int Number);

internal sealed record Answer(long Square);

internal sealed record Blob(byte[] Bytes);

/// <summary>A message that its receiver cannot read.</summary>
[JsonConverter(typeof(IllegibleConverter))]
internal sealed record Illegible;

internal sealed class IllegibleConverter : JsonConverter<Illegible>
{
    public const string Reason = "nobody can read this";

    public override Illegible Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => throw new JsonException(Reason);

    public override void Write(Utf8JsonWriter writer, Illegible value, JsonSerializerOptions options) => writer.WriteStringValue("?");
}
