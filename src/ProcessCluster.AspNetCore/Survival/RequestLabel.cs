using System.Collections.Concurrent;
using System.Collections.Frozen;
using System.Runtime.CompilerServices;
using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Routing;

namespace ProcessCluster.AspNetCore.Survival;

/// <summary>
/// Says which request is being served on a connection, in case that this worker ends meanwhile: method and route, as soon as routing has chosen. It is in the place of the
/// feature by which routing tells that, and so can have a request refused that is quarantined. One for each connection; allocates nothing for a request.
/// </summary>
/// <param name="out">The receiver of names.</param>
/// <param name="isOneOfMany">True when others are served on the connection at the same time: then there is one for each, and nothing is said, as there is room for one.</param>
internal sealed class RequestLabel(RequestLabel.IOut @out, bool isOneOfMany = false) : IEndpointFeature
{
    private static readonly ConditionalWeakTable<Endpoint, ConcurrentDictionary<string, RequestName>> Names = [];

    /// <summary>The methods whose labels are kept: clients can invent any number of others.</summary>
    private static readonly FrozenSet<string> CommonMethods = FrozenSet.Create(
        StringComparer.Ordinal,
        HttpMethods.Get, HttpMethods.Head, HttpMethods.Post, HttpMethods.Put, HttpMethods.Delete, HttpMethods.Patch, HttpMethods.Options, HttpMethods.Trace, HttpMethods.Connect);

    private string _method = "";
    private RequestName _said = RequestName.None;
    private RequestName _last = RequestName.None;

    /// <summary>The receiver of names, which knows the requests in quarantine.</summary>
    public interface IOut
    {
        void ReportRequest(long fingerprint, ReadOnlySpan<byte> name);

        /// <summary>Returns whether such a request is refused, and for how long yet. Counts it as one that is refused.</summary>
        bool IsQuarantined(long fingerprint, out TimeSpan remaining);
    }

    /// <summary>Told whether the request may be served once more; null when nobody wants to know.</summary>
    public ConnectionStateReporter? Replay { get; set; }

    public Endpoint? Endpoint
    {
        get;
        set
        {
            field = value;
            if (value is null)
                return;
            var name = NameOf(value);
            if (@out.IsQuarantined(name.Fingerprint, out var remaining))
            {
                field = QuarantinedEndpoint.Of(name.Text, remaining);
                return;
            }
            Publish(name);
            Replay?.Chosen(value.Metadata.GetMetadata<IdempotentAttribute>() is not null);
        }
    }

    /// <summary>Before the application sees the request.</summary>
    public void Begins(HttpContext context)
    {
        context.Features.Set<IEndpointFeature>(this); // First: the context forgets the features that it has looked up.
        _method = context.Request.Method;
        Endpoint = null;
        Publish(RequestName.None);
    }

    /// <summary>The application has nothing more to do with it. The name stays, as something of the response may still have to be sent.</summary>
    public void Ends()
    {
        if (_said != RequestName.None)
            @out.ReportRequest(0, _said.Bytes);
    }

    private RequestName NameOf(Endpoint endpoint)
    {
        if (_last.Is(_method, endpoint))
            return _last; // As on most connections.
        var names = Names.GetOrCreateValue(endpoint);
        if (!names.TryGetValue(_method, out var name))
        {
            name = new RequestName(_method, endpoint);
            if (CommonMethods.Contains(_method))
                name = names.GetOrAdd(_method, name);
        }
        return _last = name;
    }

    private void Publish(RequestName name)
    {
        if (isOneOfMany)
            return;
        _said = name;
        @out.ReportRequest(name.Fingerprint, name.Bytes);
    }
}

/// <summary>A method and the route that serves it.</summary>
internal sealed class RequestName
{
    public static readonly RequestName None = new("", null, "");

    private readonly string _method;
    private readonly Endpoint? _endpoint;

    public RequestName(string method, Endpoint endpoint)
        : this(method, endpoint, $"{method} {(endpoint as RouteEndpoint)?.RoutePattern.RawText ?? endpoint.DisplayName}")
    {
    }

    private RequestName(string method, Endpoint? endpoint, string text)
    {
        _method = method;
        _endpoint = endpoint;
        Text = text;
        Bytes = Encoding.UTF8.GetBytes(text);
        Fingerprint = text.Length == 0 ? 0 : Hash(Bytes);
    }

    public string Text { get; }

    public byte[] Bytes { get; }

    /// <summary>The same in every process.</summary>
    public long Fingerprint { get; }

    public bool Is(string method, Endpoint endpoint) => _endpoint == endpoint && _method == method;

    private static long Hash(byte[] bytes)
    {
        var hash = Fnv1a.Start;
        foreach (var value in bytes)
            hash = Fnv1a.Add(hash, value);
        return unchecked((long)hash);
    }
}
