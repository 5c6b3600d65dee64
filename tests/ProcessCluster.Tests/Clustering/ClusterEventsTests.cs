using System.Collections.Concurrent;
using System.Net;
using Microsoft.Extensions.Logging;
using ProcessCluster.Clustering;

namespace ProcessCluster.Tests.Clustering;

public sealed class ClusterEventsTests
{
    private readonly RecordingLogger _logger = new();
    private readonly ConcurrentQueue<string> _seen = new();
    private readonly ClusterEvents _events;

    public ClusterEventsTests() => _events = new ClusterEvents(_logger);

    [Fact]
    public async Task Events_come_in_the_order_in_which_they_were_raised()
    {
        _events.Online += (_, e) => _seen.Enqueue($"online {e.Worker.Id}");
        _events.Exited += (_, e) => _seen.Enqueue($"exited {e.Worker.Id}");
        var expected = new List<string>();
        for (var id = 1; id <= 1_000; id++)
        {
            _events.Raise(WorkerEventKind.Online, new WorkerEventArgs(new FakeWorker(id)));
            _events.Raise(WorkerEventKind.Exited, Exited(new FakeWorker(id)));
            expected.AddRange([$"online {id}", $"exited {id}"]);
        }
        await _events.FlushAsync();
        Assert.Equal(expected, _seen);
        Assert.Empty(_logger.Entries);
    }

    [Fact]
    public async Task The_workers_handlers_run_before_the_clusters_for_every_event()
    {
        var worker = new FakeWorker(1);
        worker.Forked += (sender, _) => Note("worker", "forked", sender);
        worker.Online += (sender, _) => Note("worker", "online", sender);
        worker.Listening += (sender, e) => Note("worker", $"listening {e.EndPoint}", sender);
        worker.Disconnected += (sender, _) => Note("worker", "disconnected", sender);
        worker.Exited += (sender, e) => Note("worker", $"exited {e.Exit.ExitCode}", sender);
        _events.Forked += (sender, _) => Note("cluster", "forked", sender);
        _events.Online += (sender, _) => Note("cluster", "online", sender);
        _events.Listening += (sender, e) => Note("cluster", $"listening {e.EndPoint}", sender);
        _events.Disconnected += (sender, _) => Note("cluster", "disconnected", sender);
        _events.Exited += (sender, e) => Note("cluster", $"exited {e.Exit.ExitCode}", sender);

        foreach (var kind in Enum.GetValues<WorkerEventKind>())
        {
            _events.Raise(kind, kind switch
            {
                WorkerEventKind.Listening => new WorkerListeningEventArgs(worker, new IPEndPoint(IPAddress.Loopback, 80)),
                WorkerEventKind.Exited => Exited(worker),
                _ => new WorkerEventArgs(worker),
            });
        }
        await _events.FlushAsync();
        string[] expected = ["forked", "online", "listening 127.0.0.1:80", "disconnected", "exited 3"];
        Assert.Equal(expected.SelectMany(text => new[] { $"worker {text}", $"cluster {text}" }), _seen);

        void Note(string whose, string text, object? sender)
        {
            Assert.Same(worker, sender);
            _seen.Enqueue($"{whose} {text}");
        }
    }

    [Fact]
    public async Task A_handler_that_comes_late_gets_what_it_has_missed_once_and_in_order()
    {
        var worker = new FakeWorker(1);
        _events.Raise(WorkerEventKind.Forked, new WorkerEventArgs(worker));
        _events.Raise(WorkerEventKind.Online, new WorkerEventArgs(worker));
        _events.Raise(WorkerEventKind.Listening, new WorkerListeningEventArgs(worker, new IPEndPoint(IPAddress.Loopback, 80)));
        _events.Raise(WorkerEventKind.Listening, new WorkerListeningEventArgs(worker, new IPEndPoint(IPAddress.Loopback, 81)));
        _events.Raise(WorkerEventKind.Exited, Exited(worker));
        await _events.FlushAsync();

        // While a handler runs, so that all of them are there when it is their turn.
        var attached = new ManualResetEventSlim();
        _events.Hung += (_, _) => attached.Wait(TimeSpan.FromSeconds(10));
        _events.Raise(WorkerEventKind.Hung, new WorkerEventArgs(new FakeWorker(2)));
        worker.Exited += (_, e) => _seen.Enqueue($"exited {e.Exit.ExitCode}");
        worker.Listening += (_, e) => _seen.Enqueue($"listening {e.EndPoint}");
        worker.Online += (_, _) => _seen.Enqueue("online");
        worker.Disconnected += (_, _) => _seen.Enqueue("disconnected");
        EventHandler<WorkerEventArgs> removed = (_, _) => _seen.Enqueue("removed");
        worker.Online += removed;
        worker.Online -= removed;
        worker.Forked += (_, _) => _seen.Enqueue("forked");
        attached.Set();
        await _events.FlushAsync();
        string[] expected = ["forked", "online", "listening 127.0.0.1:80", "listening 127.0.0.1:81", "exited 3"];
        Assert.Equal(expected, _seen);

        _events.Raise(WorkerEventKind.Disconnected, new WorkerEventArgs(worker));
        await _events.FlushAsync();
        Assert.Equal([.. expected, "disconnected"], _seen);
    }

    [Fact]
    public async Task A_handler_that_is_added_while_its_event_is_raised_is_called_once()
    {
        for (var i = 0; i < 1_000; i++)
        {
            var worker = new FakeWorker(i);
            var adding = Task.Run(() => worker.Online += (_, e) => _seen.Enqueue($"{e.Worker.Id}"));
            _events.Raise(WorkerEventKind.Online, new WorkerEventArgs(worker));
            await adding;
        }
        await _events.FlushAsync();
        Assert.Equal(Enumerable.Range(0, 1_000).Select(i => $"{i}").Order(), _seen.Order());
    }

    [Fact]
    public async Task Of_many_end_points_those_that_came_last_are_remembered()
    {
        var worker = new FakeWorker(1);
        _events.Raise(WorkerEventKind.Online, new WorkerEventArgs(worker));
        for (var port = 1; port <= 1_000; port++)
            _events.Raise(WorkerEventKind.Listening, new WorkerListeningEventArgs(worker, new IPEndPoint(IPAddress.Loopback, port)));
        await _events.FlushAsync();
        worker.Online += (_, _) => _seen.Enqueue("online");
        worker.Listening += (_, e) => _seen.Enqueue($"{e.EndPoint}");
        await _events.FlushAsync();
        Assert.Contains("online", _seen);
        Assert.Equal("127.0.0.1:1000", _seen.Last());
        Assert.InRange(_seen.Count, 2, 300);
    }

    [Fact]
    public async Task A_worker_handler_that_throws_is_logged_and_stops_neither_the_cluster_nor_later_events()
    {
        var worker = new FakeWorker(1);
        worker.Online += (_, _) => throw new InvalidOperationException("on purpose");
        _events.Online += (_, _) => _seen.Enqueue("online");
        _events.Disconnected += (_, _) => _seen.Enqueue("disconnected");
        _events.Raise(WorkerEventKind.Online, new WorkerEventArgs(worker));
        _events.Raise(WorkerEventKind.Disconnected, new WorkerEventArgs(worker));
        await _events.FlushAsync();
        Assert.Equal(["online", "disconnected"], _seen);
        var (level, id, message, exception) = Assert.Single(_logger.Entries);
        Assert.Equal((LogLevel.Error, 7), (level, id));
        Assert.Contains("Online", message, StringComparison.Ordinal);
        Assert.Equal("on purpose", exception?.Message);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_handler_that_throws_does_not_stop_the_others_of_the_same_event(bool ofTheWorker)
    {
        var worker = new FakeWorker(1);
        EventHandler<WorkerEventArgs> throws = (_, _) => throw new InvalidOperationException("on purpose");
        EventHandler<WorkerEventArgs> notes = (_, _) => _seen.Enqueue("second");
        if (ofTheWorker)
            worker.Online += throws + notes;
        else
            _events.Online += throws + notes;
        _events.Raise(WorkerEventKind.Online, new WorkerEventArgs(worker));
        await _events.FlushAsync();
        Assert.Equal(["second"], _seen);
        Assert.Equal("on purpose", Assert.Single(_logger.Entries).Exception?.Message);
    }

    [Fact]
    public async Task Handlers_run_one_at_a_time_and_not_on_the_thread_that_raises()
    {
        using var gate = new ManualResetEventSlim();
        _events.Online += (_, e) =>
        {
            gate.Wait(Patience);
            _seen.Enqueue($"{e.Worker.Id}");
        };
        _events.Raise(WorkerEventKind.Online, new WorkerEventArgs(new FakeWorker(1)));
        _events.Raise(WorkerEventKind.Online, new WorkerEventArgs(new FakeWorker(2)));
        Assert.Empty(_seen);
        gate.Set();
        await _events.FlushAsync();
        Assert.Equal(["1", "2"], _seen);
    }

    [Fact]
    public async Task Flushing_waits_for_the_handlers_of_what_was_raised_before()
    {
        using var entered = new SemaphoreSlim(0);
        using var gate = new ManualResetEventSlim();
        _events.Online += (_, _) =>
        {
            entered.Release();
            gate.Wait(Patience);
            _seen.Enqueue("done");
        };
        _events.Raise(WorkerEventKind.Online, new WorkerEventArgs(new FakeWorker(1)));
        Assert.True(await entered.WaitAsync(Patience));
        var flush = _events.FlushAsync();
        Assert.False(flush.IsCompleted);
        gate.Set();
        await flush.WaitAsync(Patience);
        Assert.Equal(["done"], _seen);
    }

    [Fact]
    public async Task Events_beyond_the_capacity_are_dropped_and_counted_in_the_log()
    {
        const int Capacity = 16 * 1024;
        using var entered = new SemaphoreSlim(0);
        using var gate = new ManualResetEventSlim();
        var args = new WorkerEventArgs(new FakeWorker(1));
        var handled = 0;
        _events.Forked += (_, _) =>
        {
            entered.Release();
            gate.Wait(Patience);
        };
        _events.Online += (_, _) => handled++;
        _events.Raise(WorkerEventKind.Forked, args);
        Assert.True(await entered.WaitAsync(Patience));
        for (var i = 0; i < Capacity + 3; i++)
            _events.Raise(WorkerEventKind.Online, args);
        gate.Set();
        await _events.FlushAsync();
        Assert.Equal(Capacity, handled);
        Assert.Equal([8, 8, 8], _logger.Entries.Select(entry => entry.Id));
        Assert.Contains("3 events were dropped", _logger.Entries.Last().Message, StringComparison.Ordinal);
    }

    private static TimeSpan Patience => TimeSpan.FromSeconds(10);

    private static WorkerExitedEventArgs Exited(ClusterWorker worker) => new(worker, new WorkerExit(WorkerExitCause.Crashed, 3, null));

    internal sealed class FakeWorker(int id) : ClusterWorker(id)
    {
        public override int ProcessId => 1;

        public override int Slot => 0;

        public override int Generation => 1;

        public override bool IsStandby => false;

        public override RequestScope TrackRequest() => throw new NotSupportedException();

        public override WorkerState State => WorkerState.Online;

        public override bool IsConnected => true;

        public override bool ExitedAfterDisconnect => false;

        public override CancellationToken Stopping => CancellationToken.None;

        public override Task DisconnectAsync(CancellationToken cancellationToken = default) => Task.CompletedTask;

        public override void Kill(Signal signal = Signal.SIGTERM)
        {
        }

        public override void ReportReady(IReadOnlyCollection<string> addresses)
        {
        }

        public override void ReportStartFailure(string reason)
        {
        }

        public override ValueTask SendAsync<T>(T message, CancellationToken cancellationToken = default) => throw new NotSupportedException();

        internal override ValueTask<TAnswer> RequestCoreAsync<TRequest, TAnswer>(
            TRequest request, TimeSpan? timeout, CancellationToken cancellationToken) => throw new NotSupportedException();
    }

    private sealed class RecordingLogger : ILogger
    {
        public ConcurrentQueue<(LogLevel Level, int Id, string Message, Exception? Exception)> Entries { get; } = new();

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Entries.Enqueue((logLevel, eventId.Id, formatter(state, exception), exception));
    }
}
