namespace ProcessCluster.AspNetCore.Survival;

/// <summary>
/// Says what goes on on a connection at every moment, so that what becomes of it is right if this process ends in the next one: busy before the first byte is read, responding
/// before the first one is sent, idle only when nothing that was received is unanswered and everything that was written is with the kernel. Told by the loop that receives, the
/// one that sends, and Kestrel; thread-safe.
/// </summary>
/// <param name="out">The receiver of reports.</param>
/// <param name="view">The view of the requests on it.</param>
/// <param name="left">The part of a request that the kernel still has; null when there is none.</param>
internal sealed class ConnectionStateReporter(ConnectionStateReporter.IOut @out, ConnectionStateReporter.IView view, UnconsumedRequest? left = null)
{
    /// <summary>Stands for a number of bytes that is not known.</summary>
    private const long None = -1;

    private readonly Lock _gate = new();
    private Said _said = Said.Just(ClusterConnectionState.Idle);
    private bool _isReceiving;
    private bool _isSending;
    private bool _isEnding;
    private bool _hasBegun;
    private bool? _mayRepeat;
    private int _answeredBefore;
    private long _received;
    private long _sent;
    private long _sentToAnEnd;
    private long _sendsToAnEnd = None;

    /// <summary>The receiver of reports.</summary>
    public interface IOut
    {
        void Report(ClusterConnectionState state);

        void ReportResponse(long begin, long end, ClusterConnectionState then);
    }

    /// <summary>A report: the place of a response among the bytes, and the state after it.</summary>
    private readonly record struct Said(ClusterConnectionState State, long Begin, long End, ClusterConnectionState Then)
    {
        public static Said Just(ClusterConnectionState state) => new(state, None, None, ClusterConnectionState.Idle);
    }

    /// <summary>The view that others have of the connection.</summary>
    public interface IView
    {
        /// <summary>Gets whether it speaks HTTP/1.x without a layer in between, as far as known: a request was seen.</summary>
        bool IsPlainHttp1 { get; }

        /// <summary>Gets the number of bytes written.</summary>
        long Written { get; }

        /// <summary>Gets the number of bytes up to the end of the last whole response.</summary>
        long LastEnd { get; }

        /// <summary>Gets the number of bytes up to the end of the whole response before that.</summary>
        long PreviousEnd { get; }

        /// <summary>Gets the number of responses that are whole.</summary>
        int Completed { get; }

        /// <summary>Gets the number of bytes up to the end of the last request that was seen; -1 when it is not known.</summary>
        long RequestEnd { get; }

        /// <summary>Returns whether Kestrel has nothing to do after so many received bytes.</summary>
        bool IsAtRest(long received);
    }

    /// <summary>Before a byte is read.</summary>
    public void ReceivingBegins()
    {
        lock (_gate)
        {
            // All is answered. A client may have the answer before it is said that it was sent; if it was not, sending the rest ends what begins here.
            if (left is not null && (_said.State == ClusterConnectionState.Idle || _said is { End: >= 0, Then: ClusterConnectionState.Idle }))
            {
                left.Begin();
                _hasBegun = false;
            }
            _isReceiving = true;
            Publish();
        }
    }

    /// <summary>
    /// Notes bytes that Kestrel gets now. Comes before Kestrel can answer them, or end over them.
    /// </summary>
    /// <param name="received">The number of bytes read until now.</param>
    /// <param name="isAll">True when nothing more is read for now.</param>
    public void Received(long received, bool isAll)
    {
        lock (_gate)
        {
            _isReceiving = !isAll;
            _received = received;
            Publish();
        }
    }

    /// <summary>The application gets a request: all before it are answered. Before anything else is noted of it.</summary>
    public void RequestBegins()
    {
        lock (_gate)
        {
            _answeredBefore = view.Completed; // It is busy already.
            _hasBegun = true;
            _mayRepeat = null;
            if (left is not null)
                Publish();
        }
    }

    /// <summary>Routing has chosen who serves the request: it may be served once more if all that were chosen for it say so.</summary>
    public void Chosen(bool isIdempotent)
    {
        lock (_gate)
        {
            _mayRepeat = isIdempotent && _mayRepeat != false;
            Publish();
        }
    }

    /// <summary>The connection is about to be closed without an answer to what came: nobody shall answer it.</summary>
    public void Ends()
    {
        lock (_gate)
        {
            _isEnding = true;
            Publish();
            left?.Discard();
        }
    }

    /// <summary>Something that the view shows is different: Kestrel waits for more, or the protocol is known.</summary>
    public void Recheck()
    {
        lock (_gate)
            Publish();
    }

    /// <summary>Before a byte is sent.</summary>
    /// <param name="until">The number of bytes when the kernel has all that is sent now.</param>
    public void SendingBegins(long until)
    {
        lock (_gate)
        {
            _isSending = true;
            _sendsToAnEnd = until == view.LastEnd || until == view.PreviousEnd ? until : None;
            Publish();
            left?.Discard();
        }
    }

    /// <summary>The kernel has taken all that was there to be sent.</summary>
    /// <param name="sent">All that was sent until now.</param>
    public void SendingEnds(long sent)
    {
        lock (_gate)
        {
            _isSending = false;
            _sent = sent;
            _sentToAnEnd = _sendsToAnEnd;
            _sendsToAnEnd = None;
            Publish();
        }
    }

    private void Publish()
    {
        var now = Now();
        if (now == _said)
            return;
        if (now.State == ClusterConnectionState.Idle)
            left?.Discard(); // It was dealt with without an answer, as empty lines before a request are.
        _said = now;
        if (now.State == ClusterConnectionState.Responding)
            @out.ReportResponse(now.Begin, now.End, now.Then);
        else
            @out.Report(now.State);
    }

    private Said Now()
    {
        var written = view.Written;
        var hasNothingToDo = !_isReceiving && view.IsAtRest(_received);
        if (hasNothingToDo && !_isSending && _sent == written)
            return Said.Just(ClusterConnectionState.Idle);
        if (!view.IsPlainHttp1)
            return Said.Just(ClusterConnectionState.Unknown);
        var isBetween = _sent == _sentToAnEnd; // Nothing of a response was sent and something not.
        if (_isSending || !isBetween)
        {
            // When that is sent a request waits for its answer, none does, or it is not known whether one does.
            var isLast = _sendsToAnEnd == written;
            var isDone = IsDone(out var end);
            var isAnswered = hasNothingToDo || (isDone && IsLastAnswer(written, end));
            var then = isLast && isAnswered ? ClusterConnectionState.Idle : ClusterConnectionState.Busy;
            var isKnown = !isLast || isAnswered || isDone || view.Completed == _answeredBefore;
            return new Said(ClusterConnectionState.Responding, isBetween ? _sent : None, isKnown ? _sendsToAnEnd : None, then);
        }
        if (_sent == written && !_isReceiving && IsDone(out var last) && IsLastAnswer(written, last))
            return Said.Just(ClusterConnectionState.Idle);
        return Said.Just(IsRepeatable(written) ? ClusterConnectionState.Repeatable : ClusterConnectionState.Busy);
    }

    /// <summary>The last request is answered and was wholly received: what comes is another. Its code may still run, but for nobody.</summary>
    private bool IsDone(out long end) => (end = view.RequestEnd) >= 0 && end <= _received && view.Completed > _answeredBefore;

    /// <summary>Nothing has come after the request that ends there, and nothing of a response is missing.</summary>
    private bool IsLastAnswer(long written, long end) => !_isReceiving && end == _received && view.LastEnd == written;

    /// <summary>
    /// The kernel has all that came since the last answer, and none is on its way. The application has seen nothing of it, or the request that is served is the first in it, wholly there, and
    /// may be served twice.
    /// </summary>
    private bool IsRepeatable(long written) =>
        left is { IsThere: true }
        && !_isReceiving
        && !_isEnding
        && _sent == written
        && (!_hasBegun || (_mayRepeat == true && view.RequestEnd is >= 0 and var end && end <= _received));
}
