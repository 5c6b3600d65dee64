using System.Text;
using ProcessCluster.Messaging.Links;
using ProcessCluster.Protocol;

namespace ProcessCluster.Messaging;

/// <summary>Requests of this process to the other side, until their answers, failures or deadlines. Thread-safe.</summary>
internal sealed class RequestClient(MessageSender sender, MessagingScope scope, ChannelClock clock)
{
    private readonly PendingRequests _pending = new();

    public bool HasPending => _pending.Count > 0;

    public ValueTask<TAnswer> RequestAsync<TRequest, TAnswer>(
        int target, TRequest request, TimeSpan? timeout, CancellationToken cancellationToken) =>
        RequestAsync<TRequest, TAnswer>(
            FrameKind.Request, target, request, timeout ?? scope.Options.RequestTimeout, scope.Serializer, cancellationToken);

    public ValueTask<TAnswer> RequestAsync<TRequest, TAnswer>(
        FrameKind kind, int target, in TRequest request, TimeSpan timeout, IMessageSerializer? answerSerializer, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var pending = PendingRequest<TAnswer>.Rent(answerSerializer);
        pending.Name = MessageName.Of<TRequest>();
        pending.Target = target;
        pending.Deadline = timeout == Timeout.InfiniteTimeSpan ? long.MaxValue : clock.Later(timeout);
        var task = pending.Task;
        var correlation = _pending.Add(pending);
        if (correlation == 0)
        {
            pending.Return();
            throw sender.Gone();
        }
        try
        {
            pending.Waiter = sender.Post(kind, pending.Name, target, correlation, request);
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
                static (state, token) => (((RequestClient, uint))state!).Item1.Cancel((((RequestClient, uint))state).Item2, token),
                (this, correlation));
        }
        clock.Start();
        return task;
    }

    /// <summary>Fails all requests that wait for the peer, naming why.</summary>
    public void FailPending(string reason)
    {
        sender.Close(reason);
        foreach (var (_, request) in _pending.Close())
            Fail(request, new PeerGoneException(reason));
    }

    private void Cancel(uint correlation, CancellationToken token)
    {
        if (_pending.TryTake(correlation, out var request))
            GiveUp(correlation, request, new OperationCanceledException(token));
    }

    /// <summary>Takes an answer. Returns the request whose requester is to run, or null when it was given up.</summary>
    public PendingRequest? Answered(in FrameHeader header, ReadOnlySpan<byte> body)
    {
        if (!_pending.TryTake(header.Correlation, out var request))
            return null; // Given up meanwhile.
        request.Answer(body);
        return request;
    }

    /// <summary>Takes a failure.</summary>
    /// <exception cref="InvalidDataException">Its code is unknown.</exception>
    public void Failed(in FrameHeader header, ReadOnlySpan<byte> body)
    {
        var text = FailureText.Decode(body);
        if (!_pending.TryTake(header.Correlation, out var request))
            return;
        var type = Encoding.UTF8.GetString(request.Name);
        var who = sender.Who(request.Target);
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

    /// <summary>Fails the requests that have waited for too long.</summary>
    public void FailOverdue(long now)
    {
        foreach (var (correlation, request) in _pending.TakeOverdue(now))
        {
            var who = sender.Who(request.Target);
            GiveUp(correlation, request, new TimeoutException($"{who} did not answer {Encoding.UTF8.GetString(request.Name)} in time."));
        }
    }

    private void GiveUp(uint correlation, PendingRequest request, Exception exception)
    {
        // One that waits for room is never sent; another is called off.
        if (request.Waiter is not { } waiter || !waiter.TryGiveUp())
            sender.SendCancel(sender.Self, request.Target, correlation);
        Fail(request, exception);
    }

    private static void Fail(PendingRequest request, Exception exception)
    {
        request.Waiter?.TryGiveUp();
        request.Fail(exception);
    }
}
