using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http;
using ProcessCluster.AspNetCore.Survival;

namespace ProcessCluster.AspNetCore.Draining;

/// <summary>
/// The state of a connection that draining needs, noted by the transport and the middleware, and the way in which Kestrel is asked to close
/// it: in between Kestrel's own wish to close all, when it stops, and the protocol, which closes at once if it is idle.
/// </summary>
/// <remarks>
/// Asking to close is safe while anything is going on: requests of which a byte has reached Kestrel are answered. What must not be closed is
/// a connection with bytes that nobody has read, and one whose client was told nothing and may be sending.
/// </remarks>
internal sealed class ConnectionLifetime : IConnectionLifetimeNotificationFeature
{
    private readonly CancellationTokenSource _closeRequested = new();
    private readonly ConnectionDrain _drain;
    private readonly ISocket _socket;
    private readonly Func<bool> _isLayered;
    private volatile bool _isReceiving;
    private bool _isAllSaid;
    private volatile bool _isHttp1;
    private volatile bool _beginsAsHttp1;
    private volatile bool _isServerStopping;
    private int _requests;
    private int _received;
    private int _sent;
    private int _seen;
    private long _idleSince;
    private long _allowance = -1;

    /// <param name="drain">The worker's.</param>
    /// <param name="socket">The connection.</param>
    /// <param name="isLayered">True when there is a layer between it and the protocol: TLS, or other middleware.</param>
    public ConnectionLifetime(ConnectionDrain drain, ISocket socket, Func<bool> isLayered)
    {
        _drain = drain;
        _socket = socket;
        _isLayered = isLayered;
        ConnectionClosedRequested = _closeRequested.Token;
    }

    /// <summary>The connection's socket.</summary>
    public interface ISocket : RequestLabel.IOut
    {
        /// <summary>Gets the number of bytes that nobody has received.</summary>
        int Available { get; }

        /// <summary>Gets whether another worker could serve the connection.</summary>
        bool CanMove { get; }

        bool IsOf(ClusterListener listener);

        /// <summary>Notes that requests are counted from now on, instead of the connection.</summary>
        void TrackRequests();

        /// <summary>Has the loop that receives look at the connection's state.</summary>
        void Wake();
    }

    public CancellationToken ConnectionClosedRequested { get; set; }

    /// <summary>Gets whether it serves HTTP/2: then it can be asked to close at any time, as the client is told which requests to send elsewhere.</summary>
    public bool IsHttp2 { get; private set; }

    /// <summary>
    /// Gets whether the client shall have time to close it after the last GOAWAY. Kestrel closes an idle connection with it; a client that sees both
    /// at once may take for lost what it was about to send (HttpClient does), rather than send it elsewhere.
    /// </summary>
    public bool Lingers => IsHttp2 && _closeRequested.IsCancellationRequested && _drain.IsPatient;

    /// <summary>For how long.</summary>
    public TimeSpan Linger => _drain.Times.Linger;

    /// <summary>Its way to another worker; null where there is none.</summary>
    public IdleDetector? Move { get; set; }

    /// <summary>Gets or sets the reporter of its state, for the case that this worker ends suddenly; null when nobody reads it.</summary>
    public ConnectionStateReporter? Report { get; set; }

    /// <summary>Gets or sets the label of the request that it serves; null when nobody reads it.</summary>
    public RequestLabel? Request { get; set; }

    /// <summary>Its way to receive so that a request could be served once more; null where none is.</summary>
    public UnconsumedRequest? Left { get; set; }

    /// <summary>Gets whether a request of HTTP/1.x was seen, by its first line at least.</summary>
    public bool IsHttp1 => _isHttp1 || _beginsAsHttp1;

    public bool IsLayered => _isLayered();

    /// <summary>Gets the number of requests of HTTP/1.x that are being served.</summary>
    public int Requests => Volatile.Read(ref _requests);

    /// <summary>
    /// Gets whether another process knows as much of it as this one: between two HTTP/1.x requests, or before the first byte. Of another protocol nothing is
    /// known.
    /// </summary>
    public bool CanGoOnElsewhere => !IsHttp2 && (_isHttp1 || (_received == 0 && _sent == 0));

    /// <summary>Has it given to another worker as soon as possible. False when it was told before, or cannot be.</summary>
    public bool RequestMove()
    {
        if (Move is not { IsWanted: false } move || !_socket.CanMove || !move.Want())
            return false;
        _socket.Wake();
        return true;
    }

    public bool IsOf(ClusterListener listener) => _socket.IsOf(listener);

    /// <summary>Has it given to another worker if it is idle when that is looked at, which is soon. False when it seems not to be, or cannot go.</summary>
    public bool RequestMoveIfIdle()
    {
        if (Requests > 0 || !CanGoOnElsewhere || Move is not { WillBePossible: true } move || !_socket.CanMove || !move.WantOnce())
            return false;
        _socket.Wake();
        return true;
    }

    /// <summary>Gets whether it goes to another worker at some time after the response that begins now.</summary>
    public bool WillMove => Move is { WillBePossible: true } && _socket.CanMove;

    /// <summary>Asks for the end as soon as the requests that are there are answered.</summary>
    public void RequestClose() => _closeRequested.Cancel();

    /// <summary>Takes the place of Kestrel's own feature.</summary>
    public void Follow(IConnectionLifetimeNotificationFeature server) =>
        server.ConnectionClosedRequested.UnsafeRegister(static state => ((ConnectionLifetime)state!).ServerStops(), this);

    /// <summary>Before the very first byte is read: what the first ones are.</summary>
    public void BeginsWith(ReadOnlySpan<byte> bytes) => _beginsAsHttp1 = IsRequestLine(bytes);

    /// <summary>Before a byte is read.</summary>
    public void ReceivingBegins()
    {
        _isReceiving = true;
        _isAllSaid = false;
        Report?.ReceivingBegins();
    }

    /// <inheritdoc cref="ConnectionStateReporter.Received"/>
    public void Received(long received, bool isAll)
    {
        _received++;
        _isAllSaid = isAll;
        Report?.Received(received, isAll);
    }

    /// <summary>Notes that Kestrel has all that was received.</summary>
    /// <param name="received">The number of bytes until now.</param>
    public void ReceivingEnds(long received)
    {
        _isReceiving = false;
        if (!_isAllSaid)
            Report?.Received(received, isAll: true);
    }

    /// <inheritdoc cref="ConnectionStateReporter.SendingBegins"/>
    public void SendingBegins(long until) => Report?.SendingBegins(until);

    /// <summary>The kernel has taken what there was.</summary>
    /// <param name="sent">The number of bytes until now.</param>
    public void SendingEnds(long sent)
    {
        _sent++;
        Report?.SendingEnds(sent);
    }

    /// <summary>An HTTP/1.x request has come to the application, on a connection that serves one after another.</summary>
    public void RequestBegins(HttpContext context)
    {
        _isHttp1 = true;
        _socket.TrackRequests();
        Interlocked.Increment(ref _requests);
        Report?.RequestBegins();
        Request?.Begins(context);
        Move?.RequestBegins(context);
    }

    /// <summary>A request of HTTP/2 has come to the application.</summary>
    public void Http2RequestBegins(HttpContext context)
    {
        IsHttp2 = true;
        _socket.TrackRequests();
        if (_drain.QuarantinesRequests)
            new RequestLabel(_socket, isOneOfMany: true).Begins(context);
    }

    public void RequestEnds()
    {
        Request?.Ends();
        Move?.RequestEnds(); // Before there is no request.
        Interlocked.Decrement(ref _requests);
    }

    /// <summary>Returns whether it should be closed now. For one thread at a time, while the connection is not disposed.</summary>
    /// <param name="now">Milliseconds.</param>
    /// <param name="allowance">Gives each connection its time, when it is first looked at.</param>
    public bool IsDue(long now, Func<long> allowance)
    {
        if (_closeRequested.IsCancellationRequested)
            return false;
        if (IsHttp2)
            return true;
        var seen = _received + _sent;
        var isFirstLook = _allowance < 0;
        if (isFirstLook)
            _allowance = allowance();
        if (isFirstLook || IsActive(seen))
        {
            _idleSince = now;
            _seen = seen;
        }
        // In this order: what is not there any more is being received.
        return now - _idleSince >= _allowance && !HasUnread && !_isReceiving;
    }

    /// <summary>Returns whether its idle time begins again. Without an HTTP request it does not, once the server stops: Kestrel may serve another protocol.</summary>
    private bool IsActive(int seen) =>
        (_isHttp1 || !_isServerStopping) && (Volatile.Read(ref _requests) > 0 || _isReceiving || seen != _seen);

    private static bool IsRequestLine(ReadOnlySpan<byte> bytes) =>
        bytes.IndexOf("\r\n"u8) is > 0 and var end && (bytes[..end].EndsWith(" HTTP/1.1"u8) || bytes[..end].EndsWith(" HTTP/1.0"u8));

    private bool HasUnread => Left?.HasUnread ?? _socket.Available > 0;

    private void ServerStops()
    {
        _isServerStopping = true;
        if (IsHttp2 || !_drain.IsPatient)
            RequestClose();
    }
}
