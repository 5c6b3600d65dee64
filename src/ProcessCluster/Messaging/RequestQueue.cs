using ProcessCluster.Protocol;

namespace ProcessCluster.Messaging;

/// <summary>
/// Requests from the other side. They are handled at the same time, up to a limit; the others wait, as do those without a handler for a while. Thread-safe.
/// </summary>
internal sealed class RequestQueue(MessageSender sender, ReceiveWindow window, MessagingScope scope, ChannelClock clock)
{
    /// <summary>The time for which a request waits for a handler: a process that has just started may not have come to it yet.</summary>
    private static readonly TimeSpan HandlerPatience = TimeSpan.FromSeconds(5);

    private readonly Lock _gate = new();
    private readonly Dictionary<(int Source, uint Correlation), RequestCall> _calls = [];
    private readonly Queue<RequestCall> _waiting = new();
    private readonly List<RequestCall> _unhandled = [];
    private int _running;

    /// <summary>Gets whether requests wait for a handler.</summary>
    public bool HasUnhandled
    {
        get
        {
            lock (_gate)
            {
                return _unhandled.Count > 0;
            }
        }
    }

    public void Answer<T>(RequestCall call, in T answer) => sender.Answer(call, answer);

    /// <summary>Handles a request from its start to its answer. Called on the thread pool.</summary>
    public async Task HandleAsync(RequestCall call)
    {
        try
        {
            if (scope.Handlers.FindRequest(call.Name) is { } route)
                await route.HandleAsync(call, scope.Serializer).ConfigureAwait(false);
            else
                Fail(call, FrameCode.NoHandler, "");
        }
        catch (RequestUnreadableException exception)
        {
            Fail(call, FrameCode.Unreadable, exception.Message);
        }
        catch (OperationCanceledException) when (call.IsCancelled)
        {
            Fail(call, FrameCode.Cancelled, "");
        }
        catch (Exception exception)
        {
            // The handler's: it belongs to the requester.
            var stack = scope.Options.SendStackTraces ? exception.StackTrace : null;
            Fail(call, FrameCode.HandlerThrew, new FailureText(exception.GetType().FullName!, exception.Message, stack));
        }
        End(call);
    }

    private void Fail(RequestCall call, FrameCode code, string message) => Fail(call, code, new FailureText("", message, null));

    private void Fail(RequestCall call, FrameCode code, FailureText text) => sender.SendFailure(sender.Self, call.Source, call.Correlation, code, text);

    /// <summary>Takes a request. Returns it if it is to run now.</summary>
    public RequestCall? Begin(RequestCall call)
    {
        lock (_gate)
        {
            // One that its requester gave up long ago can still run under the same number: it can no longer be called off.
            _calls[(call.Source, call.Correlation)] = call;
            if (scope.Handlers.FindRequest(call.Name) is not null)
            {
                return TryRun(call) ? call : null;
            }
            call.HandlerDeadline = clock.Later(HandlerPatience);
            _unhandled.Add(call);
        }
        clock.Start();
        return null;
    }

    /// <summary>Has it run now, or puts it in line.</summary>
    private bool TryRun(RequestCall call)
    {
        if (_running == scope.Options.MaxConcurrentRequests)
        {
            _waiting.Enqueue(call);
            return false;
        }
        _running++;
        return true;
    }

    private void End(RequestCall call)
    {
        RequestCall? next;
        lock (_gate)
        {
            Forget(call);
            if (!_waiting.TryDequeue(out next))
                _running--;
        }
        window.Handled(call.Length);
        call.Return();
        if (next is not null)
            ThreadPool.UnsafeQueueUserWorkItem(next, preferLocal: false);
    }

    private void Forget(RequestCall call)
    {
        var key = (call.Source, call.Correlation);
        if (_calls.GetValueOrDefault(key) == call)
            _calls.Remove(key);
    }

    /// <summary>A handler was added: requests that waited for it run.</summary>
    public void StartUnhandled()
    {
        List<RequestCall> ready = [];
        lock (_gate)
        {
            for (var i = 0; i < _unhandled.Count; i++)
            {
                if (scope.Handlers.FindRequest(_unhandled[i].Name) is null)
                    continue;
                if (TryRun(_unhandled[i]))
                    ready.Add(_unhandled[i]);
                _unhandled.RemoveAt(i--);
            }
        }
        foreach (var call in ready)
            ThreadPool.UnsafeQueueUserWorkItem(call, preferLocal: false);
    }

    /// <summary>Fails the requests that have waited for a handler for too long.</summary>
    public void FailUnhandled(long now)
    {
        List<RequestCall> overdue;
        lock (_gate)
        {
            overdue = _unhandled.FindAll(call => call.HandlerDeadline <= now || call.IsCancelled);
            _unhandled.RemoveAll(overdue.Contains);
            overdue.ForEach(Forget);
        }
        foreach (var call in overdue)
        {
            Fail(call, FrameCode.NoHandler, "");
            window.Handled(call.Length);
            call.Return();
        }
    }

    /// <summary>Calls off a request, as nobody waits for its answer.</summary>
    public void Cancel(int source, uint correlation)
    {
        lock (_gate)
        {
            if (_calls.TryGetValue((source, correlation), out var call))
                call.Cancel();
        }
    }

    /// <summary>Calls off all requests, as the peer is gone.</summary>
    public void CancelAll()
    {
        lock (_gate)
        {
            foreach (var call in _calls.Values)
                call.Cancel();
        }
    }
}
