using System.Text;

namespace ProcessCluster.Messaging;

/// <summary>The handlers of this process: for each name on the wire those of messages and the one of requests. Thread-safe; finding allocates nothing.</summary>
internal sealed class MessageHandlers
{
    private readonly Lock _gate = new();
    private volatile Dictionary<byte[], MessageRoute> _messages = new(NameComparer.Instance);
    private volatile Dictionary<byte[], RequestRoute> _requests = new(NameComparer.Instance);

    /// <summary>Told when a name has got its first handler.</summary>
    public event Action? Added;

    public MessageRoute? FindMessage(ReadOnlySpan<byte> name) =>
        _messages.GetAlternateLookup<ReadOnlySpan<byte>>().TryGetValue(name, out var route) && !route.IsEmpty ? route : null;

    public RequestRoute? FindRequest(ReadOnlySpan<byte> name) =>
        _requests.GetAlternateLookup<ReadOnlySpan<byte>>().TryGetValue(name, out var route) ? route : null;

    public IDisposable OnMessage<T>(Action<T, MessageContext> handler)
    {
        ArgumentNullException.ThrowIfNull(handler);
        return OnMessage<T>((message, context) =>
        {
            handler(message, context);
            return ValueTask.CompletedTask;
        });
    }

    public IDisposable OnMessage<T>(Func<T, MessageContext, ValueTask> handler)
    {
        ArgumentNullException.ThrowIfNull(handler);
        var name = MessageName.Of<T>();
        MessageRoute<T> own;
        lock (_gate)
        {
            own = Find(_messages, name) switch
            {
                null => new MessageRoute<T>(),
                MessageRoute<T> found => found,
                var other => throw Taken<T>(name, other),
            };
            own.Add(handler);
            _messages = new Dictionary<byte[], MessageRoute>(_messages, NameComparer.Instance) { [name] = own };
        }
        Added?.Invoke();
        return new Registration(() =>
        {
            lock (_gate)
            {
                own.Remove(handler);
            }
        });
    }

    public IDisposable OnRequest<TRequest, TAnswer>(Func<TRequest, MessageContext, TAnswer> handler)
    {
        ArgumentNullException.ThrowIfNull(handler);
        return OnRequest<TRequest, TAnswer>((request, context) => new ValueTask<TAnswer>(handler(request, context)));
    }

    public IDisposable OnRequest<TRequest, TAnswer>(Func<TRequest, MessageContext, ValueTask<TAnswer>> handler)
    {
        ArgumentNullException.ThrowIfNull(handler);
        var name = MessageName.Of<TRequest>();
        var own = new RequestRoute<TRequest, TAnswer>(handler);
        lock (_gate)
        {
            if (_requests.ContainsKey(name))
            {
                throw new InvalidOperationException(
                    $"Requests of {typeof(TRequest)} have a handler already, and only one can answer. Dispose what OnRequest returned for it first.");
            }
            _requests = new Dictionary<byte[], RequestRoute>(_requests, NameComparer.Instance) { [name] = own };
        }
        Added?.Invoke();
        return new Registration(() =>
        {
            lock (_gate)
            {
                var fewer = new Dictionary<byte[], RequestRoute>(_requests, NameComparer.Instance);
                fewer.Remove(name);
                _requests = fewer;
            }
        });
    }

    private static MessageRoute? Find(Dictionary<byte[], MessageRoute> routes, byte[] name) => routes.GetValueOrDefault(name);

    private static InvalidOperationException Taken<T>(byte[] name, MessageRoute other) => new(
        $"The name '{Encoding.UTF8.GetString(name)}' of {typeof(T)} is that of {other.GetType().GenericTypeArguments[0]}, too. "
        + "Give one of them another: [ClusterMessage(Name = \"…\")].");

    private sealed class Registration(Action end) : IDisposable
    {
        private Action? _end = end;

        public void Dispose() => Interlocked.Exchange(ref _end, null)?.Invoke();
    }
}
