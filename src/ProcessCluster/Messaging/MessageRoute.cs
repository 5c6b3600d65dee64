using System.Runtime.CompilerServices;

namespace ProcessCluster.Messaging;

/// <summary>The handlers of one type of message.</summary>
internal abstract class MessageRoute
{
    public abstract bool IsEmpty { get; }

    /// <summary>Reads the message and has its handlers run, one after another.</summary>
    /// <param name="body">Valid until the task completes.</param>
    /// <param name="context">The sender.</param>
    /// <param name="serializer">Reads it.</param>
    /// <param name="failed">Told what a handler threw; the next one runs.</param>
    /// <exception cref="Exception">It cannot be read.</exception>
    public abstract ValueTask HandleAsync(ReadOnlyMemory<byte> body, MessageContext context, IMessageSerializer serializer, Action<Exception> failed);
}

/// <inheritdoc/>
internal sealed class MessageRoute<T> : MessageRoute
{
    private volatile Func<T, MessageContext, ValueTask>[] _handlers = [];

    public override bool IsEmpty => _handlers.Length == 0;

    public void Add(Func<T, MessageContext, ValueTask> handler) => _handlers = [.. _handlers, handler];

    public void Remove(Func<T, MessageContext, ValueTask> handler) => _handlers = [.. _handlers.Where(h => h != handler)];

    public override ValueTask HandleAsync(ReadOnlyMemory<byte> body, MessageContext context, IMessageSerializer serializer, Action<Exception> failed)
    {
        var message = serializer.Deserialize<T>(body);
        var handlers = _handlers;
        for (var i = 0; i < handlers.Length; i++)
        {
            try
            {
                var task = handlers[i](message, context);
                if (!task.IsCompletedSuccessfully)
                    return FinishAsync(task, handlers, i + 1, message, context, failed);
            }
            catch (Exception exception)
            {
                failed(exception); // The program's; the next handler and the next message are not concerned.
            }
        }
        return ValueTask.CompletedTask;
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private static async ValueTask FinishAsync(
        ValueTask first, Func<T, MessageContext, ValueTask>[] handlers, int next, T message, MessageContext context, Action<Exception> failed)
    {
        var task = first;
        while (true)
        {
            try
            {
                await task.ConfigureAwait(false);
            }
            catch (Exception exception)
            {
                failed(exception); // As above.
            }
            if (next == handlers.Length)
                return;
            try
            {
                task = handlers[next++](message, context);
            }
            catch (Exception exception)
            {
                task = ValueTask.FromException(exception); // Told at the top of the loop.
            }
        }
    }
}

/// <summary>The handler of one type of request.</summary>
internal abstract class RequestRoute
{
    /// <summary>Reads the request, has it handled, and writes the answer.</summary>
    /// <exception cref="RequestUnreadableException">It cannot be read.</exception>
    /// <exception cref="Exception">What the handler threw.</exception>
    public abstract ValueTask HandleAsync(RequestCall call, IMessageSerializer serializer);
}

/// <inheritdoc/>
internal sealed class RequestRoute<TRequest, TAnswer>(Func<TRequest, MessageContext, ValueTask<TAnswer>> handler) : RequestRoute
{
    public override ValueTask HandleAsync(RequestCall call, IMessageSerializer serializer)
    {
        TRequest request;
        try
        {
            request = serializer.Deserialize<TRequest>(call.Body);
        }
        catch (Exception exception)
        {
            throw new RequestUnreadableException(exception.Message, exception); // Whatever the type's own code threw.
        }
        var task = handler(request, new MessageContext(call.Source, call));
        if (!task.IsCompletedSuccessfully)
            return FinishAsync(task, call);
        call.Answer(task.Result);
        return ValueTask.CompletedTask;
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private static async ValueTask FinishAsync(ValueTask<TAnswer> task, RequestCall call) =>
        call.Answer(await task.ConfigureAwait(false));
}

/// <summary>Never leaves the library: tells a request that cannot be read from a handler that throws.</summary>
internal sealed class RequestUnreadableException(string message, Exception innerException) : Exception(message, innerException);
