namespace ProcessCluster;

/// <summary>
/// The handlers of a worker's events, and what was raised: a worker may boot, or end, before the program that has forked it can attach a handler,
/// which then gets what it has missed. Thread-safe.
/// </summary>
internal sealed class WorkerEventHandlers
{
    /// <summary>Of many events, which can only be <see cref="WorkerEventKind.Listening"/>, the oldest are forgotten.</summary>
    private const int MaxRaised = 256;

    private readonly Lock _gate = new();
    private readonly Delegate?[] _handlers = new Delegate?[Enum.GetValues<WorkerEventKind>().Length];
    private readonly List<Occurrence> _raised = [];
    private readonly List<(WorkerEventKind Kind, Delegate Handler)> _late = [];
    private Action? _replay;

    /// <summary>An event that was raised, with the handlers that it is for.</summary>
    internal readonly record struct Occurrence(WorkerEventKind Kind, WorkerEventArgs Args, Delegate? Handlers);

    public void Add(WorkerEventKind kind, Delegate? handler)
    {
        Action? replay;
        lock (_gate)
        {
            _handlers[(int)kind] = Delegate.Combine(_handlers[(int)kind], handler);
            if (handler is null || !_raised.Exists(raised => raised.Kind == kind))
                return;
            _late.Add((kind, handler));
            replay = _late.Count == 1 ? _replay : null; // Else it is on its way.
        }
        replay?.Invoke();
    }

    public void Remove(WorkerEventKind kind, Delegate? handler)
    {
        lock (_gate)
        {
            _handlers[(int)kind] = Delegate.Remove(_handlers[(int)kind], handler);
            if (_late.FindLastIndex(late => late.Kind == kind && late.Handler.Equals(handler)) is >= 0 and var at)
                _late.RemoveAt(at);
        }
    }

    /// <summary>The event is raised now: gives those that are to be called. Later ones get it by <see cref="TakeLate"/>.</summary>
    /// <param name="kind">The kind of the event.</param>
    /// <param name="args">The arguments of the handlers.</param>
    /// <param name="replay">Has <see cref="TakeLate"/> called in turn with other events.</param>
    public Delegate? Raise(WorkerEventKind kind, WorkerEventArgs args, Action replay)
    {
        lock (_gate)
        {
            _replay = replay;
            if (_raised.Count == MaxRaised)
                _raised.RemoveAt(Math.Max(0, _raised.FindIndex(static raised => raised.Kind == WorkerEventKind.Listening)));
            _raised.Add(new Occurrence(kind, args, null));
            return _handlers[(int)kind];
        }
    }

    /// <summary>Takes the events that late handlers have missed, in the order in which they were raised.</summary>
    public IReadOnlyList<Occurrence> TakeLate()
    {
        lock (_gate)
        {
            List<Occurrence> missed =
            [
                .. _raised.SelectMany(raised => _late.Where(late => late.Kind == raised.Kind).Select(late => raised with { Handlers = late.Handler })),
            ];
            _late.Clear();
            return missed;
        }
    }
}
