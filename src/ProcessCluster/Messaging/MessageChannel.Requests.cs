using System.Text;
using ProcessCluster.Protocol;

namespace ProcessCluster.Messaging;

/// <summary>Requests to the other side, and their ends.</summary>
internal sealed partial class MessageChannel
{
    /// <summary>How exactly deadlines are kept.</summary>
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(50);

    private readonly PendingRequests _pending = new();
    private readonly Lock _clockGate = new();
    private ITimer? _clock;

    public ValueTask<TAnswer> RequestAsync<TRequest, TAnswer>(
        int target, TRequest request, TimeSpan? timeout, CancellationToken cancellationToken) =>
        RequestAsync<TRequest, TAnswer>(
            FrameKind.Request, target, request, timeout ?? _scope.Options.RequestTimeout, _scope.Serializer, cancellationToken);

    private ValueTask<TAnswer> RequestAsync<TRequest, TAnswer>(
        FrameKind kind, int target, in TRequest request, TimeSpan timeout, IMessageSerializer? answerSerializer, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var pending = PendingRequest<TAnswer>.Rent(answerSerializer);
        pending.Name = MessageName.Of<TRequest>();
        pending.Target = target;
        pending.Deadline = timeout == Timeout.InfiniteTimeSpan ? long.MaxValue : Later(timeout);
        var task = pending.Task;
        var correlation = _pending.Add(pending);
        if (correlation == 0)
        {
            pending.Return();
            throw Gone();
        }
        try
        {
            pending.Waiter = Post(kind, pending.Name, target, correlation, request);
        }
        catch
        {
            // If it was taken, the link has just ended and the exception is the same.
            if (_pending.TryTake(correlation, out _))
                pending.Return();
            throw;
        }
        if (cancellationToken.CanBeCanceled)
        {
            pending.Registration = cancellationToken.UnsafeRegister(
                static (state, token) => (((MessageChannel, uint))state!).Item1.Cancel((((MessageChannel, uint))state).Item2, token),
                (this, correlation));
        }
        StartClock();
        return task;
    }

    /// <summary>The peer has ended the link: nothing more can be sent. Requests that wait are failed by <see cref="FailPending"/>.</summary>
    /// <param name="reason">Who is gone, for people.</param>
    public void StopSending(string reason)
    {
        _closedBecause ??= reason;
        _outbox.TakeOnlyControl();
    }

    /// <summary>Fails all requests that wait for the peer, naming why.</summary>
    public void FailPending(string reason)
    {
        _closedBecause = reason;
        foreach (var (_, request) in _pending.Close())
            Fail(request, new PeerGoneException(reason));
        StopClock();
    }

    private void Cancel(uint correlation, CancellationToken token)
    {
        if (_pending.TryTake(correlation, out var request))
            GiveUp(correlation, request, new OperationCanceledException(token));
    }

    private PendingRequest? Answered(in FrameHeader header, ReadOnlySpan<byte> body)
    {
        if (!_pending.TryTake(header.Correlation, out var request))
            return null; // Given up meanwhile.
        request.Answer(body);
        return request;
    }

    private void Failed(in FrameHeader header, ReadOnlySpan<byte> body)
    {
        var text = FailureText.Decode(body);
        if (!_pending.TryTake(header.Correlation, out var request))
            return;
        var type = Encoding.UTF8.GetString(request.Name);
        var who = Who(request.Target);
        Fail(request, header.Code switch
        {
            FrameCode.HandlerThrew => new RemoteHandlerException(
                $"The handler of {type} in {who} threw {text.Type}: {text.Message}", text.Type, text.Message, text.StackTrace),
            FrameCode.NoHandler => new ClusterMessageException($"Nobody handles requests of {type} in {who}. Add a handler there with OnRequest."),
            FrameCode.Gone => new PeerGoneException(text.Message),
            FrameCode.Unreadable => new ClusterMessageException($"The request {type} could not be read in {who}: {text.Message}"),
            FrameCode.TooMany => new ClusterMessageException(text.Message),
            FrameCode.Cancelled => new OperationCanceledException($"The handler of {type} in {who} was cancelled."),
            _ => throw new InvalidDataException($"A failure has the unknown code {(ushort)header.Code}."),
        });
    }

    private void OnTick()
    {
        var now = _scope.Time.GetTimestamp();
        foreach (var (correlation, request) in _pending.TakeOverdue(now))
        {
            var who = Who(request.Target);
            GiveUp(correlation, request, new TimeoutException($"{who} did not answer {Encoding.UTF8.GetString(request.Name)} in time."));
        }
        FailUnhandled(now);
        lock (_clockGate)
        {
            if (_pending.Count == 0 && !HasUnhandled)
                StopClock();
        }
    }

    private void GiveUp(uint correlation, PendingRequest request, Exception exception)
    {
        // One that waits for room is never sent; another is called off.
        if (request.Waiter is not { } waiter || !waiter.TryGiveUp())
            SendCancel(_self, request.Target, correlation);
        Fail(request, exception);
    }

    private static void Fail(PendingRequest request, Exception exception)
    {
        request.Waiter?.TryGiveUp();
        request.Fail(exception);
    }

    private long Later(TimeSpan span) => _scope.Time.GetTimestamp() + (long)(span.TotalSeconds * _scope.Time.TimestampFrequency);

    private string Who(int process) => process == _peer ? _peerName : process == FrameHeader.Primary ? "the primary" : $"worker {process}";

    private void StartClock()
    {
        // Always under the gate: the clock may be about to stop.
        lock (_clockGate)
        {
            _clock ??= _scope.Time.CreateTimer(static state => ((MessageChannel)state!).OnTick(), this, Tick, Tick);
        }
    }

    private void StopClock()
    {
        lock (_clockGate)
        {
            _clock?.Dispose();
            _clock = null;
        }
    }
}
