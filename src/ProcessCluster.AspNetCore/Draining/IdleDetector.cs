using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using ProcessCluster.AspNetCore.Http1;
using ProcessCluster.AspNetCore.Survival;

namespace ProcessCluster.AspNetCore.Draining;

/// <summary>
/// Decides whether a connection can move to another worker now: Kestrel serves HTTP/1.1 on it without a layer in between, has dealt with all that was
/// received, and waits for the next request, of which nothing has come to it. When in doubt it cannot.
/// </summary>
/// <param name="connection">The connection.</param>
/// <param name="reader">The pipe that Kestrel reads from.</param>
/// <param name="writer">The pipe that it writes to; null when nobody has to know.</param>
internal sealed class IdleDetector(ConnectionLifetime connection, CountingPipeReader reader, CountingPipeWriter? writer) : IConnectionMoveFeature, ConnectionStateReporter.IView
{
    private const long NoBody = -1;

    private IHttpRequestTrailersFeature? _chunked;
    private long _bodyEnd = NoBody;
    private long _requestEnd = NoBody;
    private volatile bool _isBodyRead = true;
    private volatile bool _isVetoed;
    private volatile Wish _wish;

    private enum Wish
    {
        None,

        /// <summary>If it is possible at the next look.</summary>
        Once,

        /// <summary>As soon as it is possible.</summary>
        Lasting,
    }

    public bool CanMove
    {
        get => !_isVetoed;
        set => _isVetoed = !value;
    }

    /// <summary>Gets whether it is to move: this worker leaves, or has too many connections.</summary>
    public bool IsWanted => _wish != Wish.None;

    /// <summary>Gets whether the connection can follow when the response that begins now is sent.</summary>
    public bool WillBePossible => !_isVetoed && !connection.IsLayered && IsBodyRead;

    /// <summary>From now on it goes as soon as it can. False when it was told before.</summary>
    public bool Want() => TryChange(Wish.None, Wish.Lasting);

    /// <summary>It goes if it can when that is looked at next, else the wish lapses. False when there is one already.</summary>
    public bool WantOnce() => TryChange(Wish.None, Wish.Once);

    /// <summary>
    /// A request has come to the application. Its body ends where it says, or, in chunks, where Kestrel has found its trailers: what follows only
    /// then is the next request.
    /// </summary>
    public void RequestBegins(HttpContext context)
    {
        _bodyEnd = NoBody;
        _chunked = null;
        _isBodyRead = true;
        writer?.Bounds.RequestBegins(HttpMethods.IsHead(context.Request.Method));
        Volatile.Write(ref _requestEnd, reader.Consumed);
        if (context.Features.Get<IHttpRequestBodyDetectionFeature>() is not { CanHaveBody: true })
            return;
        _isBodyRead = false;
        if (context.Request.ContentLength is { } length)
            _bodyEnd = reader.Consumed + length;
        Volatile.Write(ref _requestEnd, _bodyEnd);
        if (_bodyEnd == NoBody)
            _chunked = context.Features.Get<IHttpRequestTrailersFeature>();
    }

    /// <summary>The response is sent. What is not read of the body Kestrel reads now, or it closes the connection.</summary>
    public void RequestEnds() => _isBodyRead = IsBodyRead;

    /// <summary>
    /// Kestrel waits for more. Between two requests all that it has taken is the ones before: it takes the lines of a head one by one, so that a client that pauses after one of them has
    /// nothing unread either.
    /// </summary>
    public void Waits()
    {
        if (Volatile.Read(ref _requestEnd) == NoBody && connection.Requests == 0 && IsBodyRead)
            Volatile.Write(ref _requestEnd, reader.Consumed);
    }

    /// <summary>To be asked by who receives.</summary>
    /// <param name="received">The number of bytes it has.</param>
    public bool IsPossible(long received)
    {
        if (_wish == Wish.None)
            return false;
        if (IsAtRest(received))
            return true;
        TryChange(Wish.Once, Wish.None);
        return false;
    }

    bool ConnectionStateReporter.IView.IsPlainHttp1 => connection.IsHttp1 && !connection.IsLayered && !_isVetoed;

    long ConnectionStateReporter.IView.Written => writer!.Written;

    long ConnectionStateReporter.IView.LastEnd => writer!.Bounds.LastEnd;

    long ConnectionStateReporter.IView.PreviousEnd => writer!.Bounds.PreviousEnd;

    int ConnectionStateReporter.IView.Completed => writer!.Completed;

    long ConnectionStateReporter.IView.RequestEnd => Volatile.Read(ref _requestEnd);

    /// <summary>Returns whether Kestrel has nothing left to read or write.</summary>
    bool ConnectionStateReporter.IView.IsAtRest(long received) =>
        received == 0 && writer!.Written == 0 ? connection.CanGoOnElsewhere && !connection.IsLayered && !_isVetoed : IsAtRest(received);

    private bool IsAtRest(long received) =>
        reader.IsDrained(received) && received == Volatile.Read(ref _requestEnd) && _isBodyRead && !_isVetoed && !connection.IsLayered && connection is { Requests: 0, CanGoOnElsewhere: true };

    private bool TryChange(Wish from, Wish to) => Interlocked.CompareExchange(ref _wish, to, from) == from;

    private bool IsBodyRead => _isBodyRead || (_bodyEnd != NoBody ? reader.Consumed >= _bodyEnd : _chunked is { Available: true });
}
