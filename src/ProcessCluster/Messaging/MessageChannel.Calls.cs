using ProcessCluster.Protocol;

namespace ProcessCluster.Messaging;

/// <summary>Requests from the other side: handled at the same time, up to a limit; the others wait, as do those without a handler for a while.</summary>
internal sealed partial class MessageChannel
{
    /// <summary>How long a request waits for a handler: a process that has just started may not have come to it yet.</summary>
    private static readonly TimeSpan HandlerPatience = TimeSpan.FromSeconds(5);

    private readonly Lock _callsGate = new();
    private readonly Dictionary<(int Source, uint Correlation), RequestCall> _calls = [];
    private readonly Queue<RequestCall> _waitingCalls = new();
    private readonly List<RequestCall> _unhandled = [];
    private int _running;

    private bool HasUnhandled
    {
        get
        {
            lock (_callsGate)
            {
                return _unhandled.Count > 0;
            }
        }
    }

    /// <summary>Handles a request from its start to its answer. Called on the thread pool.</summary>
    public async Task HandleAsync(RequestCall call)
    {
        try
        {
            if (_scope.Handlers.FindRequest(call.Name) is { } route)
                await route.HandleAsync(call, _scope.Serializer).ConfigureAwait(false);
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
            var stack = _scope.Options.SendStackTraces ? exception.StackTrace : null;
            Fail(call, FrameCode.HandlerThrew, new FailureText(exception.GetType().FullName!, exception.Message, stack));
        }
        End(call);
    }

    private void Fail(RequestCall call, FrameCode code, string message) => Fail(call, code, new FailureText("", message, null));

    private void Fail(RequestCall call, FrameCode code, FailureText text) => SendFailure(_self, call.Source, call.Correlation, code, text);

    /// <summary>Gives the call if it is to run now.</summary>
    private RequestCall? Begin(RequestCall call)
    {
        lock (_callsGate)
        {
            // One that its requester gave up long ago can still run under the same number: it can no longer be called off.
            _calls[(call.Source, call.Correlation)] = call;
            if (_scope.Handlers.FindRequest(call.Name) is not null)
            {
                return TryRun(call) ? call : null;
            }
            call.HandlerDeadline = Later(HandlerPatience);
            _unhandled.Add(call);
        }
        StartClock();
        return null;
    }

    /// <summary>Has it run now, or puts it in line.</summary>
    private bool TryRun(RequestCall call)
    {
        if (_running == _scope.Options.MaxConcurrentRequests)
        {
            _waitingCalls.Enqueue(call);
            return false;
        }
        _running++;
        return true;
    }

    private void End(RequestCall call)
    {
        RequestCall? next;
        lock (_callsGate)
        {
            Forget(call);
            if (!_waitingCalls.TryDequeue(out next))
                _running--;
        }
        Handled(call.Length);
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
    private void StartUnhandled()
    {
        List<RequestCall> ready = [];
        lock (_callsGate)
        {
            for (var i = 0; i < _unhandled.Count; i++)
            {
                if (_scope.Handlers.FindRequest(_unhandled[i].Name) is null)
                    continue;
                if (TryRun(_unhandled[i]))
                    ready.Add(_unhandled[i]);
                _unhandled.RemoveAt(i--);
            }
        }
        foreach (var call in ready)
            ThreadPool.UnsafeQueueUserWorkItem(call, preferLocal: false);
    }

    private void FailUnhandled(long now)
    {
        List<RequestCall> overdue;
        lock (_callsGate)
        {
            overdue = _unhandled.FindAll(call => call.HandlerDeadline <= now || call.IsCancelled);
            _unhandled.RemoveAll(overdue.Contains);
            overdue.ForEach(Forget);
        }
        foreach (var call in overdue)
        {
            Fail(call, FrameCode.NoHandler, "");
            Handled(call.Length);
            call.Return();
        }
    }

    private void CancelCall(int source, uint correlation)
    {
        lock (_callsGate)
        {
            if (_calls.TryGetValue((source, correlation), out var call))
                call.Cancel();
        }
    }

    private void CancelAllCalls()
    {
        lock (_callsGate)
        {
            foreach (var call in _calls.Values)
                call.Cancel();
        }
    }
}
