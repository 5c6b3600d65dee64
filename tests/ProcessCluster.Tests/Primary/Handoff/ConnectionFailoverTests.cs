using System.Net;
using System.Net.Sockets;
using System.Text;
using ProcessCluster.Diagnostics;
using ProcessCluster.Linux.Interop;
using ProcessCluster.Primary.Handoff;

namespace ProcessCluster.Tests.Primary.Handoff;

/// <summary>The number of copies that are kept, and the outcome for each when its worker is gone.</summary>
public sealed class ConnectionFailoverTests : IDisposable
{
    /// <summary>Stands for a descriptor. It is no open file.</summary>
    private const int Copy = int.MaxValue;

    private const long Fingerprint = 42;

    private readonly ClusterMetrics _metrics = new();
    private readonly RecordingLogger _log = new();
    private readonly FakeCopies _copies = new();
    private readonly FakePort _port = new();
    private readonly List<FailoverWorker> _workers = [];
    private ConnectionFailover _failover;
    private FailoverWorker _worker;

    public ConnectionFailoverTests()
    {
        _failover = NewFailover(_copies);
        _worker = NewWorker();
    }

    public void Dispose()
    {
        _workers.ForEach(static worker => worker.Dispose());
        _metrics.Dispose();
    }

    [Fact]
    public void Copies_are_kept_up_to_the_maximum_and_again_after_a_release()
    {
        _worker.Options.ConnectionSurvival.MaxConnections = 2;
        Assert.True(_failover.TryKeep(_worker));
        Assert.True(_failover.TryKeep(_worker));
        Assert.False(_failover.TryKeep(_worker));
        Assert.Equal(2, _failover.Kept);
        _failover.Release();
        Assert.True(_failover.TryKeep(_worker));
        Assert.False(_failover.TryKeep(_worker));
    }

    [Theory]
    [InlineData(64 + 8, 6)]
    [InlineData(64 + 3, 0)]
    [InlineData(10, 0)]
    public void Copies_are_kept_for_three_quarters_of_the_files(long limit, int room)
    {
        _copies.OpenFileLimit = limit;
        _failover = NewFailover(_copies);
        Assert.Equal(room, Enumerable.Range(0, 10).Count(_ => _failover.TryKeep(_worker)));
    }

    [Fact]
    public void A_maximum_above_the_room_is_logged_once()
    {
        _copies.OpenFileLimit = 64 + 8;
        _failover = NewFailover(_copies);
        var options = new ClusterOptions();
        options.ConnectionSurvival.MaxConnections = 7;
        _failover.Check(options);
        Assert.Empty(_log.Lines); // Connections do not survive.
        options.ConnectionSurvival.Enabled = true;
        options.ConnectionSurvival.MaxConnections = 6;
        _failover.Check(options);
        Assert.Empty(_log.Lines);
        options.ConnectionSurvival.MaxConnections = 7;
        _failover.Check(options);
        _failover.Check(options);
        Assert.Contains("may have only 72 files open: no more than 6 connections", Assert.Single(_log.Lines), StringComparison.Ordinal);
    }

    [Fact]
    public void Nothing_is_kept_where_connections_do_not_survive()
    {
        _worker.Options.ConnectionSurvival.Enabled = false;
        Assert.False(_failover.TryKeep(_worker));
        Assert.Equal(0, _failover.Kept);
    }

    [Theory]
    [InlineData(ClusterConnectionState.Idle, "taken over")]
    [InlineData(ClusterConnectionState.Repeatable, "replayed")]
    [InlineData(ClusterConnectionState.Busy, "answered")]
    [InlineData(ClusterConnectionState.Responding, "closed")]
    [InlineData(ClusterConnectionState.Unknown, "closed")]
    [InlineData((ClusterConnectionState)99, "closed")]
    public void Each_state_has_its_outcome(ClusterConnectionState state, string outcome)
    {
        _worker.Own.Report(_worker.Give(Copy), state);
        Assert.Equal(outcome, Recover());
        Assert.Equal([Copy], _copies.Reclaimed);
        Assert.Equal(0, _failover.Kept);
    }

    [Theory]
    [InlineData(0, 100, ClusterConnectionState.Idle, 0, "answered")]
    [InlineData(0, 100, ClusterConnectionState.Idle, 50, "closed")]
    [InlineData(0, 100, ClusterConnectionState.Idle, 100, "taken over")]
    [InlineData(0, 100, ClusterConnectionState.Busy, 100, "answered")]
    [InlineData(0, 100, ClusterConnectionState.Busy, 0, "answered")]
    [InlineData(0, 100, ClusterConnectionState.Idle, 101, "closed")]
    [InlineData(-1, 100, ClusterConnectionState.Idle, 0, "closed")]
    [InlineData(0, -1, ClusterConnectionState.Idle, 100, "closed")]
    [InlineData(30, 100, ClusterConnectionState.Idle, 30, "answered")]
    [InlineData(0, 100, ClusterConnectionState.Idle, null, "closed")]
    public void A_response_that_is_sent_is_judged_by_the_bytes(long begin, long end, ClusterConnectionState then, int? sent, string outcome)
    {
        _worker.Own.ReportResponse(_worker.Give(Copy), begin, end, then);
        _copies.Sent = sent;
        Assert.Equal(outcome, Recover());
    }

    [Fact]
    public void The_place_of_an_earlier_response_does_not_count()
    {
        var number = _worker.Give(Copy);
        _worker.Own.ReportResponse(number, 0, 100, ClusterConnectionState.Idle);
        _worker.Own.Report(number, ClusterConnectionState.Idle);
        _worker.Own.Report(number, ClusterConnectionState.Responding);
        _copies.Sent = 100;
        Assert.Equal("closed", Recover());
    }

    [Theory]
    [InlineData(1000, 1100, "taken over")]
    [InlineData(1000, 1000, "answered")]
    [InlineData(1000, 100, "closed")]
    [InlineData(null, 1100, "closed")]
    public void Bytes_of_the_worker_before_do_not_count(int? before, int sent, string outcome)
    {
        _copies.Sent = before;
        var number = _worker.Give(Copy, isMoved: true);
        _worker.Own.ReportResponse(number, 0, 100, ClusterConnectionState.Idle);
        _copies.Sent = sent;
        Assert.Equal(outcome, Recover());
    }

    [Theory]
    [InlineData(ClusterConnectionState.Repeatable, 10, 10, "answered")]
    [InlineData(ClusterConnectionState.Repeatable, 10, 11, "replayed")] // It is another request.
    [InlineData(ClusterConnectionState.Repeatable, null, 11, "answered")]
    [InlineData(ClusterConnectionState.Repeatable, 10, null, "answered")]
    [InlineData(ClusterConnectionState.Idle, 10, 10, "replayed")] // The worker has not begun: the next try is still the second.
    [InlineData(ClusterConnectionState.Idle, 10, 11, "taken over")]
    public void A_request_has_no_third_try(ClusterConnectionState state, int? before, int? sent, string outcome)
    {
        _copies.Sent = before;
        _worker.Own.Report(_worker.Give(Copy, isMoved: true, isReplayed: true), state);
        _copies.Sent = sent;
        Assert.Equal(outcome, Recover());
    }

    [Fact]
    public void An_offer_that_was_not_taken_is_left()
    {
        _worker.Give(Copy, isTaken: false);
        Assert.Equal("", Recover());
        Assert.True(_worker.Connections.HasOffers);
        Assert.Empty(_log.Lines);
    }

    [Fact]
    public void The_log_counts_each_outcome()
    {
        var states = new[] { ClusterConnectionState.Idle, ClusterConnectionState.Busy, ClusterConnectionState.Unknown, ClusterConnectionState.Repeatable };
        for (var state = 0; state < states.Length; state++)
        {
            for (var i = 0; i <= state; i++)
                _worker.Own.Report(_worker.Give(Copy), states[state]);
        }
        Recover();
        Assert.Equal(
            "37: Worker 7 ended with connections: 1 idle ones are served by others, 2 with a request under way were answered in its place, 3 ended with it; "
            + "4 requests are tried once more by others.",
            Assert.Single(_log.Lines));
    }

    [Fact]
    public void The_log_names_requests_that_were_under_way()
    {
        Request("GET /busy", Fingerprint, ClusterConnectionState.Busy);
        Request("GET /busy", Fingerprint, ClusterConnectionState.Busy);
        Request("GET /sending", 0, ClusterConnectionState.Responding);
        Request("GET /done", 0, ClusterConnectionState.Busy);
        Request("GET /idle", Fingerprint, ClusterConnectionState.Idle);
        Recover();
        Assert.Equal("38: Worker 7 ended while it served GET /busy, GET /sending (and 0 more).", _log.Lines[^1]);
    }

    [Fact]
    public void The_log_names_ten_requests_at_most()
    {
        for (var i = 10; i < 22; i++)
            Request($"GET /{i}", Fingerprint, ClusterConnectionState.Busy);
        Recover();
        Assert.Equal(
            "38: Worker 7 ended while it served GET /10, GET /11, GET /12, GET /13, GET /14, GET /15, GET /16, GET /17, GET /18, GET /19 (and 2 more).",
            _log.Lines[^1]);
    }

    [Theory]
    [InlineData(true, true, ClusterConnectionState.Busy, true)]
    [InlineData(true, true, ClusterConnectionState.Responding, true)]
    [InlineData(true, true, ClusterConnectionState.Idle, false)]
    [InlineData(false, true, ClusterConnectionState.Busy, false)]
    [InlineData(true, false, ClusterConnectionState.Busy, false)]
    public void A_request_is_quarantined_when_its_worker_crashes(bool hasCrashed, bool isAdmitted, ClusterConnectionState state, bool isQuarantined)
    {
        var next = NewWorker();
        Request("GET /poison", Fingerprint, state);
        _worker.Options.ConnectionSurvival.QuarantineAfter = 1;
        _worker.HasCrashed = hasCrashed;
        _worker.IsAdmitted = isAdmitted;
        _failover.ReadRunningRequests(_worker, _worker.Connections);
        Assert.Equal(isQuarantined, next.Own.IsQuarantined(Fingerprint, out _));
    }

    [Fact]
    public void A_request_on_a_closed_connection_is_no_suspect()
    {
        var next = NewWorker();
        _worker.Own.Close(Request("GET /", Fingerprint, ClusterConnectionState.Busy));
        _worker.Options.ConnectionSurvival.QuarantineAfter = 1;
        _worker.HasCrashed = true;
        _failover.ReadRunningRequests(_worker, _worker.Connections);
        Assert.False(next.Own.IsQuarantined(Fingerprint, out _));
    }

    [Theory]
    [InlineData(3, "taken over")]
    [InlineData(5, "closed")]
    public async Task The_kernel_counts_the_bytes_of_a_TCP_connection(int end, string outcome)
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        using var client = new TcpClient();
        await client.ConnectAsync((IPEndPoint)listener.LocalEndpoint);
        using var accepted = await listener.AcceptSocketAsync();
        _failover = NewFailover(new ConnectionCopies());
        _worker = NewWorker();
        _worker.Own.ReportResponse(_worker.Give((int)Duplicate(accepted)), 0, end, ClusterConnectionState.Idle);
        await accepted.SendAsync(new byte[] { 1, 2, 3 });
        _failover.Recover(_worker, _worker.Connections);
        Assert.Equal(outcome, _port.TakenOver.Count == 1 ? "taken over" : "closed");
        foreach (var descriptor in _port.TakenOver)
            Descriptor.Close(descriptor);
    }

    private static nint Duplicate(Socket socket) => Descriptor.DuplicateOf((int)socket.Handle).Release();

    private ConnectionFailover NewFailover(IConnectionCopies copies) => new(_log, _metrics, TimeProvider.System, copies);

    private FailoverWorker NewWorker()
    {
        var worker = new FailoverWorker(_failover, _port);
        _workers.Add(worker);
        return worker;
    }

    /// <summary>Gives the worker a connection with a request on it. Returns the connection's number.</summary>
    private uint Request(string name, long fingerprint, ClusterConnectionState state)
    {
        var number = _worker.Give(Copy);
        _worker.Own.Report(number, state);
        _worker.Own.ReportRequest(number, fingerprint, Encoding.UTF8.GetBytes(name));
        return number;
    }

    /// <summary>Has the worker's connections recovered. Returns the outcome for the one that it has.</summary>
    private string Recover()
    {
        _failover.Recover(_worker, _worker.Connections);
        return string.Join(
            ", ",
            Enumerable.Repeat("taken over", _port.TakenOver.Count)
                .Concat(Enumerable.Repeat("replayed", _port.Replayed.Count))
                .Concat(Enumerable.Repeat("answered", _port.Answered.Count))
                .Concat(Enumerable.Repeat("closed", _copies.Closed.Count)));
    }
}
