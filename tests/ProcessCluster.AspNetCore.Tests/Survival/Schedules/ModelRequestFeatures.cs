using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace ProcessCluster.AspNetCore.Tests;

/// <summary>A request as Kestrel shows it to the program.</summary>
internal sealed class ModelRequestFeatures : IHttpRequestBodyDetectionFeature, IHttpRequestTrailersFeature
{
    public ModelRequestFeatures(ModelRequest request)
    {
        var feature = new HttpRequestFeature { Method = request.Head.Split(' ')[0], Protocol = "HTTP/1.1" };
        if (request.Body.Length > 0 && !request.IsChunked)
            feature.Headers.ContentLength = request.Body.Length;
        CanHaveBody = request.Body.Length > 0;
        var features = new FeatureCollection();
        features.Set<IHttpRequestFeature>(feature);
        features.Set<IHttpRequestBodyDetectionFeature>(this);
        features.Set<IHttpRequestTrailersFeature>(this);
        Http = new DefaultHttpContext(features);
    }

    public HttpContext Http { get; }

    public bool CanHaveBody { get; }

    /// <summary>Gets or sets whether the last chunk was read.</summary>
    public bool IsEndOfBodySeen { get; set; }

    public bool Available => IsEndOfBodySeen;

    public IHeaderDictionary Trailers { get; } = new HeaderDictionary();
}
