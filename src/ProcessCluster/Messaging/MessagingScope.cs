using Microsoft.Extensions.Logging;
using ProcessCluster.Serialization;

namespace ProcessCluster.Messaging;

/// <summary>The options and handlers that all channels of a process share.</summary>
internal sealed class MessagingScope(ILogger logger, TimeProvider time)
{
    private volatile ClusterOptions _options = new();

    /// <summary>Those that hold now. Replaced as a whole, never changed.</summary>
    public ClusterOptions Options
    {
        get => _options;
        set => _options = value;
    }

    public IMessageSerializer Serializer => _options.Serializer ?? GeneratedMessageSerializer.Instance;

    public MessageHandlers Handlers { get; } = new();

    public ILogger Logger { get; } = logger;

    public TimeProvider Time { get; } = time;
}
