using System.Net.Sockets;
using ProcessCluster.Diagnostics;
using ProcessCluster.Linux.Events;
using ProcessCluster.Linux.Interop;
using ProcessCluster.Linux.Sockets;
using ProcessCluster.Primary.Dispatch;
using ProcessCluster.Primary.Handoff;
using ProcessCluster.Primary.Workers;
using ProcessCluster.Tests.Primary.Workers;

namespace ProcessCluster.Tests.Primary.Handoff;

/// <summary>A hand-off channel with a worker and ports, driven by hand. All of a test runs on the loop, which so does nothing by itself meanwhile.</summary>
internal sealed class HandoffFixture : IAnswerObserver, IDisposable
{
    private readonly List<TestWorker> _workers = [];
    private readonly List<TestPort> _ports = [];
    private readonly List<TestConnection> _connections = [];
    private bool _isClosed;

    public HandoffFixture(bool keeps = false, int maxKept = 100, int capacity = 64)
    {
        Options = new ClusterOptions { ConnectionSurvival = { Enabled = keeps, MaxConnections = maxKept } };
        Failover = new ConnectionFailover(Logger, Metrics, Time, new ConnectionCopies());
        Loop = new EventLoop("hand-off test", static exception => Environment.FailFast("loop", exception));
        Worker = NewWorker(1, capacity);
        Channel = NewChannel(Worker);
    }

    public EventLoop Loop { get; }

    public ClusterOptions Options { get; }

    public FakeTime Time { get; } = new();

    public RecordingLogger Logger { get; } = new();

    public ClusterMetrics Metrics { get; } = new();

    public ConnectionFailover Failover { get; }

    public TestWorker Worker { get; }

    public HandoffChannel Channel { get; }

    /// <summary>Gets what was wrong with the worker.</summary>
    public List<string> Faults { get; } = [];

    /// <summary>Gets how often the worker was told to have no descriptor left.</summary>
    public int Lacks { get; private set; }

    /// <summary>Gets the connections that the worker gave back.</summary>
    public List<(int Port, int Descriptor, PeerAddress Peer)> GivenBack { get; } = [];

    /// <summary>Runs a test on the loop of a new fixture.</summary>
    public static void Run(Action<HandoffFixture> test, bool keeps = false, int maxKept = 100, int capacity = 64)
    {
        using var fixture = new HandoffFixture(keeps, maxKept, capacity);
        fixture.Loop.Invoke(() =>
        {
            test(fixture);
            fixture.End();
            return true;
        });
    }

    public TestWorker NewWorker(int id, int capacity = 64)
    {
        var worker = new TestWorker(Loop, id, Options, capacity);
        _workers.Add(worker);
        return worker;
    }

    public HandoffChannel NewChannel(TestWorker worker) => new(worker.Handle, Loop, this, Failover, Metrics, Time);

    /// <summary>Adds a port whose connections are offered to the worker.</summary>
    public TestPort AddPort(int id = 7)
    {
        var port = new TestPort { Id = id, KeepsConnections = Options.KeepsConnections };
        _ports.Add(port);
        Channel.AddPort(port);
        return port;
    }

    /// <summary>Has the primary read what the worker said.</summary>
    public void Read() => Channel.OnReady(EpollEvents.Readable);

    /// <summary>Opens a connection and offers it to the worker.</summary>
    public TestConnection Offer(TestPort port, bool isMoved = false)
    {
        var connection = NewConnection(isMoved);
        Assert.True(Channel.TryOffer(port.Candidate!, connection.Pending));
        return connection;
    }

    public TestConnection NewConnection(bool isMoved = false, ushort skip = 0)
    {
        var connection = new TestConnection(isMoved, skip);
        _connections.Add(connection);
        return connection;
    }

    /// <summary>Proves that a connection is closed, and lets go of it.</summary>
    public void Forget(TestConnection connection)
    {
        Assert.True(connection.IsClosed);
        connection.Dispose();
        _connections.Remove(connection);
    }

    /// <summary>Ends the worker.</summary>
    public void Close()
    {
        Channel.Close();
        _isClosed = true;
    }

    /// <summary>Proves that no copy of a connection is open that nobody has.</summary>
    private void End()
    {
        if (!_isClosed)
            Channel.Close();
        _workers.ForEach(static worker => worker.LetGo());
        foreach (var (_, descriptor, _) in GivenBack)
            Descriptor.Close(descriptor);
        foreach (var descriptor in _ports.SelectMany(static port => port.Waiting).Select(static waits => waits.Descriptor).Distinct())
            Descriptor.Close(descriptor);
        Assert.All(_connections, static connection => Assert.True(connection.IsClosed));
        Assert.Equal(0, Failover.Kept);
    }

    void IAnswerObserver.Fault(WorkerHandle worker, string fault) => Faults.Add(fault);

    void IAnswerObserver.Exhausted(WorkerHandle worker) => Lacks++;

    void IAnswerObserver.Returned(WorkerHandle worker, int port, int descriptor, in PeerAddress peer) => GivenBack.Add((port, descriptor, peer));

    public void Dispose()
    {
        _workers.ForEach(static worker => worker.Dispose());
        _connections.ForEach(static connection => connection.Dispose());
        Metrics.Dispose();
        Loop.Dispose(); // Last: the others leave it.
    }
}

/// <summary>A client's connection. Its end is seen at the client's side once every copy of it is closed.</summary>
internal sealed unsafe class TestConnection : IDisposable
{
    private readonly Descriptor _client;

    public TestConnection(bool isMoved = false, ushort skip = 0)
    {
        var pair = stackalloc int[2];
        Assert.Equal(0, Libc.socketpair(Libc.AF_UNIX, Libc.SOCK_STREAM | Libc.SOCK_CLOEXEC | Libc.SOCK_NONBLOCK, 0, pair));
        _client = new Descriptor(pair[0]);
        var peer = new PeerAddress(System.Net.IPEndPoint.Parse("192.0.2.1:4711"));
        Pending = new PendingConnection(pair[1], peer, Deadline: long.MaxValue, skip, isMoved);
    }

    /// <summary>Gets the connection as the primary has it.</summary>
    public PendingConnection Pending { get; }

    /// <summary>Gets whether every copy of the connection is closed.</summary>
    public bool IsClosed
    {
        get
        {
            try
            {
                return StreamSocket.TryReceive(_client, new byte[1], out var received) && received == 0;
            }
            catch (SocketException)
            {
                return true; // Closed with bytes that nobody has read.
            }
        }
    }

    /// <summary>Sends one byte from the client's side.</summary>
    public void Say(byte one) => Assert.True(StreamSocket.TrySend(_client, [one], out _));

    public void Dispose() => _client.Dispose();
}

/// <summary>A port that notes what it is told.</summary>
internal sealed class TestPort : IOfferOwner
{
    public int Id { get; init; }

    public bool KeepsConnections { get; init; }

    public bool HasIdle { get; set; }

    /// <summary>Gets the worker's place at this port, the last one.</summary>
    public Candidate? Candidate { get; private set; }

    /// <summary>Gets what it was told, in order.</summary>
    public List<string> Told { get; } = [];

    /// <summary>Gets the connections that wait: those that came back, in the order in which they are served.</summary>
    public List<PendingConnection> Waiting { get; } = [];

    /// <summary>Gets or sets the answer to the time since a connection was accepted.</summary>
    public TimeSpan SinceAccepted { get; set; }

    public TimeSpan TimeSinceAccepted(in PendingConnection connection) => SinceAccepted;

    public void Add(Candidate candidate)
    {
        Candidate = candidate;
        Told.Add("added");
    }

    public void Remove(Candidate candidate) => Told.Add("removed");

    public void Answered(Candidate candidate) => Told.Add("answered");

    public void RevokedAnswered(Candidate candidate) => Told.Add("revoked one answered");

    public void Declined(Candidate candidate) => Told.Add("declined");

    public void Revoked(Candidate candidate) => Told.Add("revoked");

    public void RoomAvailable() => Told.Add("room");

    public void TakeBack(in PendingConnection connection)
    {
        Waiting.Insert(0, connection);
        Told.Add("taken back");
    }

    public void TakeOver(int descriptor, in PeerAddress peer, bool isReplayed = false)
    {
        Descriptor.Close(descriptor);
        Told.Add("taken over");
    }

    public void EndWithCrashAnswer(int descriptor)
    {
        Descriptor.Close(descriptor);
        Told.Add("answered for the worker");
    }

    public void ServeWaiting() => Told.Add("served");

    /// <summary>Returns what it was told since the last call.</summary>
    public string Heard()
    {
        var heard = string.Join(", ", Told);
        Told.Clear();
        return heard;
    }
}
