using System.Collections.Concurrent;
using ProcessCluster.Messaging.Links;
using ProcessCluster.Primary.Workers;
using ProcessCluster.Protocol;

namespace ProcessCluster.Primary;

/// <summary>
/// Messages of workers: those for the primary are handled, others are passed on as they are, without being read. A worker whose messages
/// another one has no room for is given no more room itself: it is slowed, nobody else. Thread-safe; called on the reading threads.
/// </summary>
internal sealed class MessageRouter(ConcurrentDictionary<int, ClusterWorker> workers)
{
    /// <summary>The number of unanswered requests to other workers that a worker may have.</summary>
    private const int MaxAsked = 128 * 1024;

    private readonly Lock _gate = new();
    private readonly Dictionary<int, int> _asking = [];

    /// <summary>For each worker that was asked by others: who asked, and the number of the request.</summary>
    private readonly Dictionary<int, HashSet<(int Source, uint Correlation)>> _asked = [];

    /// <exception cref="InvalidDataException">The worker says that it is another one.</exception>
    public IThreadPoolWorkItem? Receive(WorkerHandle from, in FrameHeader header, ReadOnlySpan<byte> frame, ref FrameBytes rented)
    {
        if (header.Source != from.Id)
            throw new InvalidDataException($"A {header.Kind} frame says that it is of worker {header.Source}.");
        from.Channel.Arrived(header);
        switch (header)
        {
            case { Target: FrameHeader.Primary }:
                return from.Channel.Receive(header, frame, ref rented);
            case { Target: FrameHeader.Everyone, Kind: FrameKind.Message }:
                PassToOthers(from, header, frame);
                break;
            case { Kind: FrameKind.Message or FrameKind.Request }:
                Pass(from, header, frame, ref rented);
                break;
            case { Kind: FrameKind.Answer or FrameKind.Failure or FrameKind.Cancel }:
                PassAnswer(header, frame);
                break;
            default:
                throw new InvalidDataException($"A {header.Kind} frame is meant for worker {header.Target}; only the primary takes it.");
        }
        return null;
    }

    /// <summary>The worker does not answer any more, nor wait: those who asked it, here and in other workers, are told, and what it had asked is called off.</summary>
    public void Forget(WorkerHandle worker, string reason)
    {
        worker.Channel.FailPending(reason);
        HashSet<(int Source, uint Correlation)>? asked;
        List<(int Target, uint Correlation)> calledOff = [];
        lock (_gate)
        {
            _asked.Remove(worker.Id, out asked);
            foreach (var (source, _) in asked ?? [])
                CountAnswered(source);
            foreach (var (target, others) in _asked)
            {
                foreach (var request in others.Where(request => request.Source == worker.Id))
                    calledOff.Add((target, request.Correlation));
                others.RemoveWhere(request => request.Source == worker.Id);
            }
            _asking.Remove(worker.Id);
        }
        foreach (var (target, correlation) in calledOff)
            Find(target)?.Channel.SendCancel(worker.Id, target, correlation);
        foreach (var (source, correlation) in asked ?? [])
        {
            if (Find(source) is { } requester)
                requester.Channel.SendFailure(worker.Id, source, correlation, FrameCode.Gone, new FailureText("", reason, null));
        }
    }

    private WorkerHandle? Find(int id) => workers.TryGetValue(id, out var worker) ? (WorkerHandle)worker : null;

    private void PassToOthers(WorkerHandle from, in FrameHeader header, ReadOnlySpan<byte> frame)
    {
        List<Task>? waiting = null;
        foreach (var other in workers.Values)
        {
            // One that is gone meanwhile gets nothing; that is no error.
            if (other != from && ((WorkerHandle)other).Channel.Outbox.TryAddMessage(frame, default, int.MaxValue, out var waiter) && waiter is not null)
                (waiting ??= []).Add(waiter.Sent);
        }
        if (waiting is null)
            from.Channel.Handled(header.Length);
        else
            _ = HandledAfterAsync(Task.WhenAll(waiting), from, header.Length);
    }

    private void Pass(WorkerHandle from, in FrameHeader header, ReadOnlySpan<byte> frame, ref FrameBytes rented)
    {
        if (Find(header.Target) is not { } target)
        {
            Fail(from, header, $"There is no worker {header.Target}: it has ended, or never was.");
            return;
        }
        if (header.Kind == FrameKind.Request && !TryNote(target.Id, header.Source, header.Correlation))
        {
            Fail(from, header, $"{MaxAsked} requests to other workers wait for their answers already. Await some of them first.", FrameCode.TooMany);
            return;
        }
        var taken = rented;
        rented = default;
        if (!target.Channel.Outbox.TryAddMessage(frame, taken, int.MaxValue, out var waiter))
        {
            if (header.Kind == FrameKind.Message || Unnote(target.Id, header.Source, header.Correlation))
                Fail(from, header, $"{target} has closed its link.");
            else
                from.Channel.Handled(header.Length); // It was told already.
            return;
        }
        if (waiter is null)
            Passed(from, header);
        else
            _ = PassedAfterAsync(waiter, from, target, header);
    }

    /// <exception cref="InvalidDataException">It is a failure that nobody can read.</exception>
    private void PassAnswer(in FrameHeader header, ReadOnlySpan<byte> frame)
    {
        // The one frame whose body both ends read: what is wrong with it must not be laid to the primary, by the worker that gets it.
        if (header.Kind == FrameKind.Failure)
            FailureText.Check(header.Code, frame[header.BodyStart..]);
        // An answer goes back to who asked; the number of a request that is called off stays noted until it is answered.
        if (header.Kind != FrameKind.Cancel && !Unnote(header.Source, header.Target, header.Correlation))
            return;
        Find(header.Target)?.Channel.Outbox.TryAdd(frame, FrameUrgency.Answer);
    }

    private static async Task HandledAfterAsync(Task sent, WorkerHandle from, int length)
    {
        await sent.ConfigureAwait(false);
        from.Channel.Handled(length);
    }

    private static async Task PassedAfterAsync(SendWaiter waiter, WorkerHandle from, WorkerHandle target, FrameHeader header)
    {
        if (await waiter.Sent.ConfigureAwait(false))
            Passed(from, header);
        else if (header.Kind == FrameKind.Message)
            Fail(from, header, $"{target} has closed its link.");
        else
            from.Channel.Handled(header.Length); // Whoever asked is told by Forget.
    }

    private static void Passed(WorkerHandle from, in FrameHeader header)
    {
        from.Channel.Handled(header.Length);
        if (header is { Kind: FrameKind.Message, Correlation: not 0 })
            from.Channel.SendArrival(header.Target, from.Id, header.Correlation);
    }

    private static void Fail(WorkerHandle from, in FrameHeader header, string reason, FrameCode code = FrameCode.Gone)
    {
        from.Channel.Handled(header.Length);
        if (header.Correlation != 0)
            from.Channel.SendFailure(header.Target, from.Id, header.Correlation, code, new FailureText("", reason, null));
    }

    private bool TryNote(int target, int source, uint correlation)
    {
        lock (_gate)
        {
            var count = _asking.GetValueOrDefault(source);
            if (count >= MaxAsked)
                return false;
            if (!_asked.TryGetValue(target, out var asked))
                _asked.Add(target, asked = []);
            if (asked.Add((source, correlation)))
                _asking[source] = count + 1;
            return true;
        }
    }

    private bool Unnote(int target, int source, uint correlation)
    {
        lock (_gate)
        {
            if (!_asked.TryGetValue(target, out var asked) || !asked.Remove((source, correlation)))
                return false;
            CountAnswered(source);
            return true;
        }
    }

    /// <summary>Called by whoever holds the gate.</summary>
    private void CountAnswered(int source)
    {
        var count = _asking.GetValueOrDefault(source) - 1;
        if (count > 0)
            _asking[source] = count;
        else
            _asking.Remove(source);
    }
}
