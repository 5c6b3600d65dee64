using Microsoft.Extensions.Logging.Abstractions;
using ProcessCluster.Linux.Events;
using ProcessCluster.Linux.Interop;
using ProcessCluster.Linux.Processes;
using ProcessCluster.Linux.Sockets;
using ProcessCluster.Messaging;
using ProcessCluster.Messaging.Links;
using ProcessCluster.Primary.Workers;
using ProcessCluster.Protocol;

namespace ProcessCluster.Tests.Primary.Workers;

/// <summary>A worker without a process: the primary's handle, and the other ends of its channels, which a test uses as a worker does.</summary>
internal sealed unsafe class TestWorker : IDisposable
{
    private readonly FakeChild _child;
    private readonly List<Descriptor> _taken = [];

    /// <param name="loop">The loop of the primary.</param>
    /// <param name="id">The worker's number, and its slot.</param>
    /// <param name="options">The options that held at its start.</param>
    /// <param name="capacity">The number of connections that its board has room for.</param>
    public TestWorker(EventLoop loop, int id = 1, ClusterOptions? options = null, int capacity = 64)
    {
        _child = new FakeChild(Environment.ProcessId, capacity - ProcessCluster.Protocol.Board.MaxOffers);
        Board = new WorkerBoard(_child.WorkerMemory);
        Handle = new WorkerHandle(
            new WorkerPlace(id, id, Generation: 1), _child, options ?? new ClusterOptions(), Lifecycle.Start(expectsReady: false), new NoControl());
        Handle.Connect(loop, new MessagingScope(NullLogger.Instance, TimeProvider.System), new NoPeer());
        Handle.Channel.Outbox.Release();
    }

    /// <summary>An offer as it came.</summary>
    internal sealed record Offer(int Port, uint Number, ushort Skip, OfferKinds Kinds, PeerAddress Peer, Descriptor Socket);

    public WorkerHandle Handle { get; }

    /// <summary>Gets the worker's view of the memory.</summary>
    public WorkerBoard Board { get; }

    /// <summary>Takes the next offer; fails when there is none.</summary>
    public Offer Take() => TryTake() ?? throw new InvalidOperationException("No offer came.");

    /// <summary>Takes the next offer; null when there is none.</summary>
    public Offer? TryTake()
    {
        Span<byte> message = stackalloc byte[HandoffSocket.MaxMessage];
        var length = HandoffSocket.Receive(_child.Socket, message, out var descriptor, out var isWhole);
        if (length <= 0)
            return null;
        Assert.True(isWhole);
        Assert.True(HandoffCodec.TryReadOffer(message[..length], out var port, out var number, out var skip, out var kinds, out var peer));
        var socket = new Descriptor(descriptor);
        _taken.Add(socket);
        return new Offer(port, number, skip, kinds, peer, socket);
    }

    /// <summary>Takes the next socket that the worker has asked for; null when there is none.</summary>
    public Descriptor? TryTakeSocket(out int request, out int port, out PeerAddress address)
    {
        Span<byte> message = stackalloc byte[HandoffSocket.MaxMessage];
        var length = HandoffSocket.Receive(_child.Socket, message, out var descriptor, out _);
        if (length > 0 && HandoffCodec.TryReadSocket(message[..length], out request, out port, out address))
            return new Descriptor(descriptor);
        request = 0;
        port = 0;
        address = default;
        return null;
    }

    /// <summary>Takes an offer as a program does: claims it, and tells the primary to look.</summary>
    public void Claim(Offer offer)
    {
        Assert.True(Board.TryClaim(offer.Number, ClusterConnectionState.Idle));
        Board.ConnectionOpened();
        Notify();
    }

    /// <summary>Closes a connection that the primary keeps a copy of.</summary>
    public void Close(Offer offer)
    {
        offer.Socket.Dispose();
        Board.Close(offer.Number);
        Board.ConnectionClosed();
        Notify();
    }

    /// <summary>Answers an offer that is not taken, or says something of no offer.</summary>
    public void Answer(uint number, OfferAnswer answer)
    {
        Span<byte> message = stackalloc byte[HandoffCodec.AnswerSize];
        HandoffCodec.WriteAnswer(message, number, answer);
        Assert.Equal(HandoffSend.Sent, HandoffSocket.Answer(_child.Socket, message));
    }

    /// <summary>Refuses an offer and lets go of its connection.</summary>
    public void Refuse(Offer offer, OfferAnswer answer = OfferAnswer.Refused)
    {
        offer.Socket.Dispose();
        Answer(offer.Number, answer);
    }

    /// <summary>Gives a connection back. Its descriptor stays open here.</summary>
    public void Return(uint number, int port, Descriptor connection, PeerAddress peer = default)
    {
        Span<byte> message = stackalloc byte[HandoffSocket.MaxMessage];
        var length = HandoffCodec.WriteReturned(message, number, port, peer);
        Send(message[..length], connection.Number);
    }

    /// <summary>Sends what no worker sends, with a descriptor or several, or none.</summary>
    public void Send(ReadOnlySpan<byte> message, params ReadOnlySpan<int> descriptors)
    {
        var control = stackalloc byte[64];
        *(nuint*)control = (nuint)(16 + (descriptors.Length * sizeof(int)));
        *(int*)(control + 8) = Libc.SOL_SOCKET;
        *(int*)(control + 12) = Libc.SCM_RIGHTS;
        for (var i = 0; i < descriptors.Length; i++)
            *(int*)(control + 16 + (i * sizeof(int))) = descriptors[i];
        fixed (byte* start = message)
        {
            var vector = new Libc.IoVec { Base = start, Length = (nuint)message.Length };
            var header = new Libc.MsgHdr { Vectors = &vector, VectorCount = 1 };
            if (!descriptors.IsEmpty)
            {
                header.Control = control;
                header.ControlLength = *(nuint*)control;
            }
            Assert.Equal(message.Length, Libc.sendmsg(_child.Socket, &header, Libc.MSG_NOSIGNAL | Libc.MSG_DONTWAIT));
        }
    }

    /// <summary>Closes the worker's end of the hand-off socket.</summary>
    public void CloseSocket() => _child.Socket.Dispose();

    /// <inheritdoc cref="FakeChild.Told"/>
    public List<ControlMessage> Told() => _child.Told();

    /// <summary>Closes the connections that the worker has, and those that it has not taken, as its end does.</summary>
    public void LetGo()
    {
        CloseSocket();
        _taken.ForEach(static socket => socket.Dispose());
    }

    public void Dispose()
    {
        LetGo();
        Handle.Abandon();
        _child.Handoff.Dispose();
        _child.Dispose();
    }

    private void Notify()
    {
        if (Board.TakeNoticeRequest())
            Answer(HandoffCodec.NoOffer, OfferAnswer.BoardChanged);
    }

    private sealed class NoControl : IWorkerControl
    {
        public void WantLeave(WorkerHandle worker) => throw new NotSupportedException();

        public void WantKill(WorkerHandle worker, Signal signal) => throw new NotSupportedException();
    }

    private sealed class NoPeer : ILinkPeer
    {
        public void Receive(ControlMessage message) => throw new NotSupportedException();

        public IThreadPoolWorkItem? Receive(in FrameHeader header, ReadOnlySpan<byte> frame, ref FrameBytes rented) => throw new NotSupportedException();

        public void Closed(string? fault) => throw new NotSupportedException();
    }
}
