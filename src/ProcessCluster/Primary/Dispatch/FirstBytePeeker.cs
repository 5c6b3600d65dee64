using ProcessCluster.Linux.Events;
using ProcessCluster.Linux.Sockets;

namespace ProcessCluster.Primary.Dispatch;

/// <summary>
/// Connections whose first bytes are waited for, because the choice of a worker needs them: bounded in number and time. The bytes are looked at
/// (<c>MSG_PEEK</c>) and stay for the worker. Belongs to the cluster's loop.
/// </summary>
internal sealed class FirstBytePeeker
{
    private readonly EventLoop _loop;
    private readonly DispatchRules _rules;
    private readonly TimeProvider _time;
    private readonly Action<PendingConnection> _decided;
    private readonly Action<PendingConnection, Exception> _failed;
    private readonly LinkedList<Peek> _waiting = [];

    /// <param name="loop">Tells when something has come.</param>
    /// <param name="rules">The rules that say which bytes are needed.</param>
    /// <param name="time">The clock.</param>
    /// <param name="decided">Gets the connection when its worker can be chosen.</param>
    /// <param name="failed">Gets one of which the policy has thrown.</param>
    public FirstBytePeeker(EventLoop loop, DispatchRules rules, TimeProvider time, Action<PendingConnection> decided, Action<PendingConnection, Exception> failed)
    {
        _loop = loop;
        _rules = rules;
        _time = time;
        _decided = decided;
        _failed = failed;
    }

    public int Count => _waiting.Count;

    public void Begin(in PendingConnection connection)
    {
        if (_waiting.Count >= _rules.MaxWaiting)
            GiveUp(_waiting.First!.Value); // Whoever says nothing for longest does not hold up others.
        var peek = new Peek(this, connection, _time.GetTimestamp() + (long)(_rules.MaxPeekTime.TotalSeconds * _time.TimestampFrequency));
        peek.HasProxyHeader = connection.IsMoved;
        peek.Place = _waiting.AddLast(peek);
        try
        {
            // Told at once of what is there already.
            _loop.Add(peek, connection.Descriptor, EpollEvents.Readable | EpollEvents.PeerClosed | EpollEvents.EdgeTriggered);
        }
        catch (IOException)
        {
            Drop(peek); // No memory, or too many are watched (fs.epoll.max_user_watches): then the choice is made without the bytes.
            End(peek);
        }
    }

    /// <summary>Goes on with those that were waited for long enough.</summary>
    public void Tick(long now)
    {
        while (_waiting.First is { Value: var first } && first.Deadline <= now)
            GiveUp(first);
    }

    public void Clear()
    {
        while (_waiting.First is { Value: var first })
        {
            Remove(first);
            StreamSocket.CloseCopy(first.Connection.Descriptor);
        }
    }

    private void Remove(Peek peek)
    {
        Drop(peek);
        _loop.Remove(peek, peek.Connection.Descriptor);
    }

    private void Drop(Peek peek)
    {
        _waiting.Remove(peek.Place!);
        peek.Place = null;
    }

    /// <summary>The worker is chosen by what is known. Without a PROXY header that must be there nothing is.</summary>
    private void GiveUp(Peek peek)
    {
        Remove(peek);
        End(peek);
    }

    private void End(Peek peek)
    {
        if (_rules.HasProxyHeader && !peek.HasProxyHeader)
            StreamSocket.CloseCopy(peek.Connection.Descriptor);
        else
            _decided(peek.Connection);
    }

    private void Inspect(Peek peek)
    {
        Span<byte> buffer = stackalloc byte[PendingConnection.MaxPeek];
        var length = peek.Connection.Peek(buffer);
        if (length <= 0)
        {
            if (length < 0)
                GiveUp(peek); // It says no more, or is broken: a worker will see.
            return;
        }
        var sent = buffer[..length];
        if (_rules.HasProxyHeader && !peek.HasProxyHeader)
        {
            switch (ProxyHeader.TryRead(sent, out var header, out var client))
            {
                case ProxyHeaderState.Incomplete:
                    return;
                case ProxyHeaderState.Invalid:
                    GiveUp(peek);
                    return;
            }
            peek.HasProxyHeader = true;
            peek.Connection = peek.Connection with { Skip = (ushort)header, Peer = client ?? peek.Connection.Peer };
        }
        try
        {
            if (!HasSeenEnough(sent[peek.Connection.Skip..]))
                return;
        }
        catch (Exception exception)
        {
            Remove(peek);
            _failed(peek.Connection, exception);
            return;
        }
        Remove(peek);
        _decided(peek.Connection);
    }

    private bool HasSeenEnough(ReadOnlySpan<byte> seen) =>
        _rules.PeekBytes == 0 || seen.Length >= _rules.PeekBytes || (!seen.IsEmpty && _rules.Policy!.HasSeenEnough(seen));

    private sealed class Peek(FirstBytePeeker peeker, in PendingConnection connection, long deadline) : EventLoop.Watch
    {
        public PendingConnection Connection { get; set; } = connection;

        public long Deadline { get; } = deadline;

        public bool HasProxyHeader { get; set; }

        public LinkedListNode<Peek>? Place { get; set; }

        public override void OnReady(EpollEvents events)
        {
            if (Place is not null)
                peeker.Inspect(this);
        }
    }
}
