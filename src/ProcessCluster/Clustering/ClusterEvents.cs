using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using ProcessCluster.Diagnostics;

namespace ProcessCluster.Clustering;

/// <summary>
/// Raises the events of a cluster and of its workers: in order, one at a time, on the thread pool, so that a handler may block
/// without holding up the cluster. What a handler throws is logged.
/// </summary>
internal sealed class ClusterEvents
{
    /// <summary>The number of events that may wait for a handler that does not return. Further ones are dropped and counted in the log.</summary>
    private const int Capacity = 16 * 1024;

    private static readonly TimeSpan FlushTimeout = TimeSpan.FromSeconds(5);

    private readonly ILogger _logger;
    private readonly Channel<Entry> _entries;
    private long _dropped;

    public ClusterEvents(ILogger logger)
    {
        _logger = logger;
        _entries = Channel.CreateBounded<Entry>(new BoundedChannelOptions(Capacity) { SingleReader = true });
        _ = RaiseAllAsync();
    }

    public event EventHandler<WorkerEventArgs>? Forked;

    public event EventHandler<WorkerEventArgs>? Online;

    public event EventHandler<WorkerListeningEventArgs>? Listening;

    public event EventHandler<WorkerEventArgs>? Disconnected;

    public event EventHandler<WorkerExitedEventArgs>? Exited;

    public event EventHandler<WorkerEventArgs>? Hung;

    private readonly record struct Entry(WorkerEventKind Kind, WorkerEventArgs? Args, Task? After, TaskCompletionSource? Marker, ClusterWorker? Late = null);

    /// <summary>Raises the event on the worker, then on the cluster; after the task has completed, if there is one, or has had 5 s for it.</summary>
    public void Raise(WorkerEventKind kind, WorkerEventArgs args, Task? after = null)
    {
        if (!_entries.Writer.TryWrite(new Entry(kind, args, after, null)))
            _logger.EventsDropped(Interlocked.Increment(ref _dropped));
    }

    /// <summary>Completes when the handlers of all events raised so far have run, or when they have had 5 s for it.</summary>
    public async Task FlushAsync()
    {
        var marker = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var patience = new CancellationTokenSource(FlushTimeout);
        try
        {
            await _entries.Writer.WriteAsync(new Entry(default, null, null, marker), patience.Token).ConfigureAwait(false);
            await marker.Task.WaitAsync(patience.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            _logger.HandlersBlock(FlushTimeout);
        }
    }

    /// <summary>The worker has handlers that came after their events.</summary>
    private void Replay(ClusterWorker worker)
    {
        if (_entries.Writer.TryWrite(new Entry(default, null, null, null, worker)))
            return;
        _ = worker.Handlers.TakeLate(); // As events that find no room.
        _logger.EventsDropped(Interlocked.Increment(ref _dropped));
    }

    private async Task RaiseAllAsync()
    {
        await foreach (var entry in _entries.Reader.ReadAllAsync().ConfigureAwait(false))
        {
            if (entry.Late is { } worker)
            {
                foreach (var missed in worker.Handlers.TakeLate())
                    Invoke(missed.Handlers, missed.Kind, missed.Args);
                continue;
            }
            if (entry.Args is not { } args)
            {
                entry.Marker!.SetResult();
                continue;
            }
            if (entry.After is { IsCompleted: false } after)
                await Task.WhenAny(after, Task.Delay(FlushTimeout)).ConfigureAwait(false);
            Invoke(args.Worker.Handlers.Raise(entry.Kind, args, () => Replay(args.Worker)), entry.Kind, args);
            Invoke(HandlersOf(entry.Kind), entry.Kind, args);
        }
    }

    private Delegate? HandlersOf(WorkerEventKind kind) => kind switch
    {
        WorkerEventKind.Forked => Forked,
        WorkerEventKind.Online => Online,
        WorkerEventKind.Listening => Listening,
        WorkerEventKind.Disconnected => Disconnected,
        WorkerEventKind.Exited => Exited,
        WorkerEventKind.Hung => Hung,
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, null),
    };

    private void Invoke(Delegate? handlers, WorkerEventKind kind, WorkerEventArgs args)
    {
        foreach (var handler in handlers?.GetInvocationList() ?? [])
        {
            try
            {
                // The type is contravariant: a handler of all kinds is one of each.
                switch (handler)
                {
                    case EventHandler<WorkerEventArgs> other:
                        other(args.Worker, args);
                        break;
                    case EventHandler<WorkerListeningEventArgs> listening:
                        listening(args.Worker, (WorkerListeningEventArgs)args);
                        break;
                    case EventHandler<WorkerExitedEventArgs> exited:
                        exited(args.Worker, (WorkerExitedEventArgs)args);
                        break;
                }
            }
            catch (Exception exception)
            {
                _logger.HandlerFailed(kind.ToString(), exception); // The program's fault; the other handlers and the cluster go on.
            }
        }
    }
}
