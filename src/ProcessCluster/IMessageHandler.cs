using Microsoft.Extensions.DependencyInjection;

namespace ProcessCluster;

/// <summary>A service that handles what other processes send. Implement <see cref="IMessageHandler{TMessage}"/> or <see cref="IRequestHandler{TRequest, TAnswer}"/>.</summary>
public interface IClusterHandler
{
    /// <summary>Subscribes the service; for the library. A class that handles several types has to write it itself, and call the one of each interface.</summary>
    /// <typeparam name="THandler">The service.</typeparam>
    /// <param name="cluster">The cluster.</param>
    /// <param name="scopes">Makes a scope for each message.</param>
    /// <returns>What ends the subscription.</returns>
    static abstract IDisposable Subscribe<THandler>(ICluster cluster, IServiceScopeFactory scopes)
        where THandler : class, IClusterHandler;
}

/// <summary>A service that handles messages of one type: <c>services.AddMessageHandler&lt;T&gt;()</c>. It is made anew for each message, in a scope of its own.</summary>
/// <typeparam name="TMessage">A declared type.</typeparam>
public interface IMessageHandler<TMessage> : IClusterHandler
{
    /// <summary>Handles one message. What it throws is logged, and stops nothing.</summary>
    /// <param name="message">The message.</param>
    /// <param name="context">The sender.</param>
    ValueTask HandleAsync(TMessage message, MessageContext context);

    static IDisposable IClusterHandler.Subscribe<THandler>(ICluster cluster, IServiceScopeFactory scopes) =>
        cluster.OnMessage<TMessage>(async (message, context) =>
        {
            var scope = scopes.CreateAsyncScope();
            await using (scope.ConfigureAwait(false))
            {
                await ((IMessageHandler<TMessage>)(object)scope.ServiceProvider.GetRequiredService<THandler>())
                    .HandleAsync(message, context).ConfigureAwait(false);
            }
        });
}

/// <summary>A service that answers requests of one type: <c>services.AddMessageHandler&lt;T&gt;()</c>. It is made anew for each request, in a scope of its own.</summary>
/// <typeparam name="TRequest">A declared type.</typeparam>
/// <typeparam name="TAnswer">The declared type of the answer.</typeparam>
public interface IRequestHandler<TRequest, TAnswer> : IClusterHandler
{
    /// <summary>Answers one request. What it throws, the requester gets as <see cref="RemoteHandlerException"/>.</summary>
    /// <param name="request">The request.</param>
    /// <param name="context">The requester, and a token that is cancelled when it gives up.</param>
    ValueTask<TAnswer> HandleAsync(TRequest request, MessageContext context);

    static IDisposable IClusterHandler.Subscribe<THandler>(ICluster cluster, IServiceScopeFactory scopes) =>
        cluster.OnRequest<TRequest, TAnswer>(async (request, context) =>
        {
            var scope = scopes.CreateAsyncScope();
            await using (scope.ConfigureAwait(false))
            {
                return await ((IRequestHandler<TRequest, TAnswer>)(object)scope.ServiceProvider.GetRequiredService<THandler>())
                    .HandleAsync(request, context).ConfigureAwait(false);
            }
        });
}

/// <summary>The subscription of a handler, made once there is a cluster.</summary>
internal sealed record HandlerSubscription(Func<ICluster, IServiceScopeFactory, IDisposable> Subscribe);
