using System.Buffers;
using System.Collections;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http.Features;
using ProcessCluster.AspNetCore.Draining;

namespace ProcessCluster.AspNetCore.Transport;

/// <summary>The connection's features: itself for those that it is, a short list for what others set.</summary>
internal sealed partial class ClusterTransportConnection :
    IFeatureCollection,
    IConnectionIdFeature,
    IConnectionTransportFeature,
    IConnectionItemsFeature,
    IConnectionLifetimeFeature,
    IConnectionEndPointFeature,
    IConnectionSocketFeature,
    IMemoryPoolFeature
{
    private static readonly Type[] OwnFeatures =
    [
        typeof(IConnectionIdFeature),
        typeof(IConnectionTransportFeature),
        typeof(IConnectionItemsFeature),
        typeof(IConnectionLifetimeFeature),
        typeof(IConnectionEndPointFeature),
        typeof(IConnectionSocketFeature),
        typeof(IMemoryPoolFeature),
    ];

    private static long _lastId = Environment.TickCount64 << 20;

    private List<KeyValuePair<Type, object?>>? _set;
    private int _revision;

    public override IFeatureCollection Features => this;

    public override string ConnectionId
    {
        get => field ??= NextId();
        set;
    }

    public override IDictionary<object, object?> Items
    {
        get => field ??= new ConnectionItems();
        set;
    }

    public MemoryPool<byte> MemoryPool { get; }

    public Socket Socket => _socket.Socket;

    bool IFeatureCollection.IsReadOnly => false;

    int IFeatureCollection.Revision => _revision;

    object? IFeatureCollection.this[Type key]
    {
        get => Find(key);
        set => Set(key, value);
    }

    TFeature? IFeatureCollection.Get<TFeature>()
        where TFeature : default => (TFeature?)Find(typeof(TFeature));

    void IFeatureCollection.Set<TFeature>(TFeature? instance)
        where TFeature : default => Set(typeof(TFeature), instance);

    void IConnectionLifetimeFeature.Abort() =>
        Abort(new ConnectionAbortedException("The connection was aborted by the application via IConnectionLifetimeFeature.Abort()."));

    IEnumerator<KeyValuePair<Type, object>> IEnumerable<KeyValuePair<Type, object>>.GetEnumerator()
    {
        foreach (var own in OwnFeatures)
        {
            if (Find(own) is { } feature)
                yield return new KeyValuePair<Type, object>(own, feature);
        }
        foreach (var (type, feature) in _set ?? [])
        {
            if (feature is not null && !OwnFeatures.Contains(type))
                yield return new KeyValuePair<Type, object>(type, feature);
        }
    }

    IEnumerator IEnumerable.GetEnumerator() => ((IEnumerable<KeyValuePair<Type, object>>)this).GetEnumerator();

    private object? Find(Type key)
    {
        if (_set is { } set)
        {
            foreach (var (type, feature) in set)
            {
                if (type == key)
                    return feature;
            }
        }
        if (key == typeof(ConnectionLifetime))
            return _drained;
        if (key == typeof(IConnectionMoveFeature))
            return _drained.Move;
        return Array.IndexOf(OwnFeatures, key) >= 0 ? this : null;
    }

    private void Set(Type key, object? feature)
    {
        _revision++;
        if (key == typeof(IConnectionLifetimeNotificationFeature) && feature is IConnectionLifetimeNotificationFeature server and not ConnectionLifetime)
        {
            _drained.Follow(server);
            feature = _drained;
        }
        _set ??= new List<KeyValuePair<Type, object?>>(8);
        var entry = new KeyValuePair<Type, object?>(key, feature);
        var index = _set.FindIndex(e => e.Key == key);
        if (index >= 0)
            _set[index] = entry;
        else
            _set.Add(entry);
    }

    /// <summary>13 characters of Crockford's base 32, growing, unlike those of other processes with high probability.</summary>
    private static string NextId() => string.Create(13, Interlocked.Increment(ref _lastId), static (span, id) =>
    {
        const string digits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
        for (var i = span.Length - 1; i >= 0; i--, id >>= 5)
            span[i] = digits[(int)(id & 31)];
    });
}
