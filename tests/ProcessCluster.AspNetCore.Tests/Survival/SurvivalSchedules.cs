using System.Globalization;
using System.Text;
using ProcessCluster.AspNetCore.Http1;
using ProcessCluster.AspNetCore.Survival;

namespace ProcessCluster.AspNetCore.Tests;

/// <summary>
/// What a worker reports of a connection, under random schedules of everything that goes on on it: bytes that come in parts, requests sent ahead, responses of every form written and sent
/// in parts, moves, and kills between any two steps. Whatever is decided then by the report and the kernel's count, the client must be able to tell what became of each request.
/// </summary>
public sealed class SurvivalSchedules
{
    [Fact]
    public void Every_request_is_answered_once_or_its_connection_ends_and_idle_connections_live()
    {
        // Set SCHEDULES for more, SEED for others.
        var schedules = Number("SCHEDULES", 20_000);
        var first = Number("SEED", 1);
        var outcomes = new Dictionary<string, int>();
        for (var seed = first; seed < first + schedules; seed++)
        {
            try
            {
                foreach (var outcome in new World(seed).Run())
                    outcomes[outcome] = outcomes.GetValueOrDefault(outcome) + 1;
            }
            catch (Exception exception)
            {
                throw new InvalidOperationException($"Seed {seed}: {exception.Message}", exception);
            }
        }
        Console.WriteLine($"{schedules} schedules from seed {first}: {string.Join(", ", outcomes.OrderBy(o => o.Key).Select(o => $"{o.Key} {o.Value}"))}");
        foreach (var outcome in (string[])["all answered", "moved", "survived idle", "answered 502", "cut", "replayed", "executed twice"])
            Assert.True(outcomes.GetValueOrDefault(outcome) > schedules / 100, $"Hardly ever: {outcome}.");
    }

    private static int Number(string variable, int otherwise) =>
        int.TryParse(Environment.GetEnvironmentVariable(variable), CultureInfo.InvariantCulture, out var number) ? number : otherwise;

    /// <summary>A request as the client sends it: a head of some bytes and a body.</summary>
    private sealed record Asked(int Id, int Head, int Body, bool IsChunked, bool IsHead, bool Expects, bool Closes, bool IsIdempotent)
    {
        public int Length => Head + Body;
    }

    /// <summary>One connection, its client, the kernel between them, and the workers that have it one after another.</summary>
    private sealed class World
    {
        private readonly Random _random;
        private readonly List<Asked> _requests = [];
        private readonly List<byte> _toClient = [];
        private readonly List<string> _outcomes = [];
        private readonly Dictionary<int, int> _processed = [];
        private readonly bool _isPipelined;
        private readonly bool _leaves;
        private bool _isReplayed;
        private long _sentByClient;
        private long _takenFromKernel;
        private bool _isEnded;

        public World(int seed)
        {
            _random = new Random(seed);
            _isPipelined = _random.Next(4) == 0;
            _leaves = _random.Next(2) == 0;
            var count = _random.Next(1, 6);
            for (var id = 1; id <= count; id++)
            {
                var body = _random.Next(3) == 0 ? _random.Next(1, 8) : 0;
                var expects = body > 0 && _random.Next(4) == 0;
                _requests.Add(new Asked(id, _random.Next(1, 6), body, body > 0 && _random.Next(3) == 0, body == 0 && _random.Next(6) == 0, expects, _random.Next(20) == 0, _random.Next(2) == 0));
            }
        }

        private long AllBytes => _requests.Sum(r => (long)r.Length);

        public List<string> Run()
        {
            // In one schedule of eight nobody is killed.
            var kills = _random.Next(8) == 0 ? 0 : _random.Next(1, 4);
            var worker = new Worker(this, 0);
            for (var step = 0; !_isEnded; step++)
            {
                if (step > 20_000)
                    throw new InvalidOperationException($"It hangs: {Describe()}.");
                if (kills > 0 && _random.Next(40) == 0)
                {
                    kills--;
                    if (Kill(worker) is not { } next)
                        break;
                    worker = next;
                }
                else if (worker.HasMoved)
                {
                    _outcomes.Add("moved");
                    _isReplayed = false;
                    worker = new Worker(this, _toClient.Count);
                }
                else if (_random.Next(60) == 0)
                {
                    worker.WantsMove = true;
                }
                else if (_random.Next(3) == 0)
                {
                    ClientSends();
                }
                else if (!worker.Step() && IsDone)
                {
                    break;
                }
            }
            Check();
            return _outcomes;
        }

        private bool IsDone => _sentByClient == AllBytes && Answers(out _).Count == _requests.Count;

        private void ClientSends()
        {
            var limit = AllBytes;
            if (!_isPipelined)
            {
                var answered = Answers(out _).Count;
                limit = _requests.Take(answered + 1).Sum(r => (long)r.Length);
            }
            _sentByClient += Math.Min(limit - _sentByClient, _random.Next(1, 8));
        }

        /// <summary>What the primary does with its copy.</summary>
        private Worker? Kill(Worker worker)
        {
            var (state, begin, end, then) = worker.Said;
            var sent = _toClient.Count - worker.SentBefore;
            if (state == ClusterConnectionState.Responding)
                state = end >= 0 && sent == end ? then : begin >= 0 && sent == begin ? ClusterConnectionState.Busy : state;
            if (state == ClusterConnectionState.Repeatable && _isReplayed && sent == 0)
                state = ClusterConnectionState.Busy;
            var answered = Answers(out var isWhole).Count;
            var asked = _requests.TakeWhile((_, i) => _requests.Take(i).Sum(r => (long)r.Length) < _sentByClient).Count();
            if (state != ClusterConnectionState.Idle && isWhole && asked == answered && answered > 0)
            {
                // The client waits for nothing. Where a request's end is known only when its trailers are, or the response closes, it may be cut all the same.
                var last = _requests[answered - 1];
                if (!last.IsChunked && !last.Closes && !worker.IsUnsure)
                    throw new InvalidOperationException($"An idle connection is ended: {worker.Said}, {Describe()}.");
            }
            switch (state)
            {
                case ClusterConnectionState.Idle:
                    if (!isWhole)
                        throw new InvalidOperationException($"It goes on in the middle of an answer: {worker.Said}, {Describe()}.");
                    _outcomes.Add("survived idle");
                    _isReplayed &= sent == 0;
                    return new Worker(this, _toClient.Count);
                case ClusterConnectionState.Repeatable:
                    if (!isWhole || asked == answered)
                        throw new InvalidOperationException($"There is nothing to repeat: {Describe()}.");
                    _outcomes.Add("replayed");
                    _isReplayed = true;
                    return new Worker(this, _toClient.Count);
                case ClusterConnectionState.Busy:
                    if (!isWhole)
                        throw new InvalidOperationException($"502 in the middle of an answer: {worker.Said}, {Describe()}.");
                    _toClient.AddRange("HTTP/1.1 502 Bad Gateway\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"u8);
                    _outcomes.Add("answered 502");
                    break;
                default:
                    // Who waits for an answer of which nothing was sent is told. But where it is sent together with something before it: then all or nothing is known to be there.
                    if (isWhole && asked > answered && (sent == 0 || !_isPipelined) && !_requests[answered].Expects && worker.BeginsAsHttp1
                        && (answered == 0 || _requests[answered - 1] is { IsChunked: false, Closes: false }) && worker.HasReadBody)
                        throw new InvalidOperationException($"It ends though nothing was answered: {worker.Said}, {Describe()}.");
                    _outcomes.Add("cut");
                    break;
            }
            _isEnded = true;
            return null;
        }

        /// <summary>The one that is at or after so many bytes of the client's.</summary>
        private Asked RequestAt(long position) => _requests[_requests.TakeWhile((_, i) => _requests.Take(i).Sum(r => (long)r.Length) < position).Count()];

        private void Check()
        {
            var answers = Answers(out _);
            if (answers.Count(answer => answer == 0) > 1 || answers.IndexOf(0) is >= 0 and var bad && bad != answers.Count - 1)
                throw new InvalidOperationException($"502 is not the last: {Describe()}.");
            var expected = _requests.Select(r => r.Id).Take(answers.Count(answer => answer != 0));
            if (!answers.Where(answer => answer != 0).SequenceEqual(expected))
                throw new InvalidOperationException($"The answers are {string.Join(' ', answers)}: {Describe()}.");
            if (!_isEnded && answers.Count != _requests.Count)
                throw new InvalidOperationException($"It hangs: {Describe()}.");
            if (!_isEnded)
                _outcomes.Add("all answered");
            if (_processed.ContainsValue(2))
                _outcomes.Add("executed twice");
        }

        private string Describe() => $"{string.Join(' ', _requests)}; sent {_sentByClient}, taken {_takenFromKernel}, answers '{Encoding.ASCII.GetString([.. _toClient])}'";

        /// <summary>The ids of the whole answers that the client has, 0 for a 502; whether nothing follows them.</summary>
        private List<int> Answers(out bool isWhole)
        {
            var ids = new List<int>();
            var text = Encoding.ASCII.GetString([.. _toClient]);
            isWhole = true;
            for (var at = 0; at < text.Length;)
            {
                isWhole = false;
                var head = text.IndexOf("\r\n\r\n", at, StringComparison.Ordinal);
                if (head < 0)
                    return ids;
                var lines = text[at..head].Split("\r\n");
                var status = int.Parse(lines[0].Split(' ')[1], CultureInfo.InvariantCulture);
                at = head + 4;
                if (status == 100)
                {
                    isWhole = true;
                    continue;
                }
                var id = status == 502 ? 0 : int.Parse(lines.Single(l => l.StartsWith("Id: ", StringComparison.Ordinal))[4..], CultureInfo.InvariantCulture);
                if (id != 0 && _requests[id - 1].IsHead || status == 204)
                {
                }
                else if (lines.FirstOrDefault(l => l.StartsWith("Content-Length: ", StringComparison.Ordinal)) is { } length)
                {
                    at += int.Parse(length[16..], CultureInfo.InvariantCulture);
                    if (at > text.Length)
                        return ids;
                }
                else
                {
                    for (var size = -1; size != 0;)
                    {
                        var line = text.IndexOf("\r\n", at, StringComparison.Ordinal);
                        if (line < 0)
                            return ids;
                        size = int.Parse(text[at..line], NumberStyles.HexNumber, CultureInfo.InvariantCulture);
                        at = line + 2 + size + 2;
                        if (at > text.Length)
                            return ids;
                    }
                }
                ids.Add(id);
                isWhole = true;
            }
            return ids;
        }

        /// <summary>A worker with the connection: three loops that take steps in any order, and what they report.</summary>
        private sealed class Worker : ConnectionStateReporter.IOut, ConnectionStateReporter.IView, UnconsumedRequest.ISource
        {
            private readonly World _world;
            private readonly ConnectionStateReporter _report;
            private readonly UnconsumedRequest? _left;
            private readonly ResponseScanner _bounds = new();
            private readonly List<byte> _output = [];
            private readonly IEnumerator<bool>[] _loops;
            private readonly long _start;
            private long _received;
            private long _consumed;
            private long _requestEnd = -1;
            private long _lastEnd;
            private int _taken;
            private int _flushed;
            private int _sent;
            private int _requests;
            private bool _isWaiting;
            private bool _isHttp1;
            private bool _isBodyRead = true;
            private bool _isDetached;
            private bool _isWokenForNothing;
            private bool _isLooking;

            public Worker(World world, int sentBefore)
            {
                (_world, SentBefore, _start) = (world, sentBefore, world._takenFromKernel);
                _left = world._leaves ? new UnconsumedRequest(this) : null;
                _report = new ConnectionStateReporter(this, this, _left);
                _loops = [.. ((IEnumerable<bool>[])[Receive(), Serve(), Send()]).Select(loop => loop.GetEnumerator())];
            }

            public int SentBefore { get; }

            public (ClusterConnectionState State, long Begin, long End, ClusterConnectionState Then) Said { get; private set; } = (ClusterConnectionState.Idle, -1, -1, default);

            public bool WantsMove { get; set; }

            public bool HasMoved { get; private set; }

            /// <summary>Whether it was known from the first byte on what is spoken: the first line was there when they were looked at.</summary>
            public bool BeginsAsHttp1 { get; private set; }

            /// <summary>Whether its program reads bodies before it answers; else the next request is not told from what is left of one.</summary>
            public bool HasReadBody => _isBodyRead;

            /// <summary>Whether the first request was not noted yet, a body was left unread, or it looks for more in vain: then nothing is promised.</summary>
            public bool IsUnsure => !_isHttp1 || !_isBodyRead || _isWokenForNothing || _isLooking;

            bool ConnectionStateReporter.IView.IsPlainHttp1 => _isHttp1;

            long ConnectionStateReporter.IView.Written => _output.Count;

            long ConnectionStateReporter.IView.LastEnd => _bounds.LastEnd;

            long ConnectionStateReporter.IView.PreviousEnd => _bounds.PreviousEnd;

            int ConnectionStateReporter.IView.Completed => _bounds.Completed;

            long ConnectionStateReporter.IView.RequestEnd => _requestEnd;

            private Random Random => _world._random;

            /// <summary>One step of one of the loops. False when none of them had anything to do.</summary>
            public bool Step()
            {
                var first = Random.Next(_loops.Length);
                for (var i = 0; i < _loops.Length; i++)
                {
                    var loop = _loops[(first + i) % _loops.Length];
                    if (loop.MoveNext() && loop.Current)
                        return true;
                }
                return false;
            }

            bool UnconsumedRequest.ISource.HasReceivedEnd => false;

            int UnconsumedRequest.ISource.Available => (int)(_world._sentByClient - _world._takenFromKernel);

            bool UnconsumedRequest.ISource.TryPeek(Span<byte> buffer, out int peeked) =>
                (peeked = (int)Math.Min(buffer.Length, _world._sentByClient - _world._takenFromKernel)) > 0;

            bool UnconsumedRequest.ISource.TryReceive(Span<byte> buffer, out int received)
            {
                if (_world._sentByClient == _world._takenFromKernel)
                {
                    received = 0;
                    return false;
                }
                ((UnconsumedRequest.ISource)this).Discard(received = Random.Next(1, (int)Math.Min(buffer.Length, _world._sentByClient - _world._takenFromKernel) + 1));
                return true;
            }

            void UnconsumedRequest.ISource.Discard(int count)
            {
                if (Said.State is ClusterConnectionState.Idle or ClusterConnectionState.Repeatable)
                    throw new InvalidOperationException($"Bytes are taken that another worker may need: {Said}, {_world.Describe()}.");
                if (_world._takenFromKernel + count > _world._sentByClient)
                    throw new InvalidOperationException($"More is thrown away than there is: {_world.Describe()}.");
                _world._takenFromKernel += count;
            }

            void ConnectionStateReporter.IOut.Report(ClusterConnectionState state) => Said = (state, -1, -1, default);

            void ConnectionStateReporter.IOut.ReportResponse(long begin, long end, ClusterConnectionState then) => Said = (ClusterConnectionState.Responding, begin, end, then);

            public bool IsAtRest(long received) => received == 0 && _output.Count == 0
                ? _requests == 0
                : _consumed == received && _consumed == _lastEnd && _isWaiting && _requests == 0 && _isBodyRead && (_isHttp1 || received == 0);

            /// <summary>Each loop gives true when it has done something, false when it can only wait.</summary>
            private IEnumerable<bool> Receive()
            {
                var hasLooked = false;
                while (true)
                {
                    if (WantsMove && !_isDetached && (hasLooked || _world._sentByClient == _start) && IsAtRest(_received) && (_received > 0 || _output.Count == 0))
                    {
                        _isDetached = true;
                        yield return true;
                    }
                    if (_isDetached)
                    {
                        if (_sent == _output.Count)
                            HasMoved = true;
                        yield return HasMoved;
                        continue;
                    }
                    if (_world._sentByClient == _start + _received && Random.Next(30) != 0)
                    {
                        yield return false;
                        continue;
                    }
                    if (_received == 0)
                    {
                        // The very first bytes are looked at before they are taken.
                        if (_world._sentByClient == _start)
                        {
                            yield return false;
                            continue;
                        }
                        _isHttp1 |= BeginsAsHttp1 = _world._sentByClient - _start >= _world.RequestAt(_start).Head;
                        yield return true;
                    }
                    _isWokenForNothing = _world._sentByClient == _start + _received;
                    hasLooked = true;
                    _report.ReceivingBegins();
                    yield return true;
                    var buffer = new byte[Random.Next(1, 10)];
                    while (_left is null ? ((UnconsumedRequest.ISource)this).TryReceive(buffer, out var count) : _left.TryReceive(buffer, out count))
                    {
                        yield return true;
                        if (Random.Next(2) == 0)
                        {
                            _report.Received(_received + count, isAll: true);
                            yield return true;
                            _received += count;
                            break;
                        }
                        _isLooking = true; // The buffer was full: there may be more.
                        _report.Received(_received + count, isAll: false);
                        yield return true;
                        _received += count;
                        yield return true;
                        if (Random.Next(2) == 0)
                            break;
                    }
                    _report.Received(_received, isAll: true);
                    _isWokenForNothing = _isLooking = false;
                    yield return true;
                }
            }

            private IEnumerable<bool> Serve()
            {
                var position = _start;
                foreach (var request in _world._requests.SkipWhile(r => _world._requests.TakeWhile(before => before != r).Sum(before => (long)before.Length) < _start))
                {
                    if (_world._requests.TakeWhile(before => before != request).Sum(before => (long)before.Length) != position)
                        throw new InvalidOperationException($"A worker begins in the middle of a request: {position}, {_world.Describe()}");
                    _lastEnd = _consumed;
                    for (var head = request.Head; head > 0; head -= _taken)
                    {
                        _isWaiting = true;
                        _report.Recheck();
                        yield return true;
                        while (_received == _consumed || (_received - _consumed < head && Random.Next(4) != 0))
                            yield return false;
                        _isWaiting = false;
                        yield return true;
                        _taken = (int)Math.Min(head, _received - _consumed); // A part of it, where a line ends.
                        _consumed += _taken;
                        yield return true;
                    }
                    _isHttp1 = true;
                    _requests++;
                    yield return true;
                    _report.RequestBegins();
                    yield return true;
                    if ((_world._processed[request.Id] = _world._processed.GetValueOrDefault(request.Id) + 1) > (request.IsIdempotent && _world._leaves ? 2 : 1))
                        throw new InvalidOperationException($"Request {request.Id} is processed {_world._processed[request.Id]} times: {_world.Describe()}");
                    _bounds.RequestBegins(request.IsHead);
                    var bodyEnd = _consumed + request.Body;
                    _requestEnd = request.IsChunked ? -1 : bodyEnd;
                    _isBodyRead = request.Body == 0;
                    yield return true;
                    _report.Chosen(request.IsIdempotent);
                    yield return true;
                    if (request.Expects)
                    {
                        Write("HTTP/1.1 100 Continue\r\n\r\n"u8.ToArray());
                        yield return true;
                        _flushed = _output.Count;
                    }
                    var readsFirst = request.Expects || Random.Next(4) != 0;
                    if (readsFirst)
                    {
                        foreach (var did in ReadBody(bodyEnd))
                            yield return did;
                        _isBodyRead = true;
                    }
                    foreach (var part in Response(request))
                    {
                        Write(part);
                        yield return true;
                        if (Random.Next(2) == 0)
                        {
                            _flushed = _output.Count;
                            yield return true;
                        }
                    }
                    _flushed = _output.Count;
                    yield return true;
                    _requests--;
                    yield return true;
                    if (!readsFirst)
                    {
                        foreach (var did in ReadBody(bodyEnd)) // Kestrel does.
                            yield return did;
                    }
                    if (request.Closes)
                    {
                        while (_sent < _output.Count)
                            yield return false;
                        _world._isEnded = true;
                        _world._outcomes.Add("closed");
                        yield return true;
                    }
                    position += request.Length;
                }
                _lastEnd = _consumed;
                _isWaiting = true;
                _report.Recheck();
                while (true)
                    yield return false;
            }

            private IEnumerable<bool> ReadBody(long end)
            {
                while (_consumed < end)
                {
                    _isWaiting = true;
                    _report.Recheck();
                    yield return true;
                    while (_consumed == _received)
                        yield return false;
                    _isWaiting = false;
                    _consumed = Math.Min(end, _received);
                    yield return true;
                }
            }

            private IEnumerable<byte[]> Response(Asked request)
            {
                string[] bodies = ["", "x", "0\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n", "\r\n\r\n5\r\n"];
                var body = bodies[Random.Next(bodies.Length)];
                var close = request.Closes ? "Connection: close\r\n" : "";
                string whole;
                if (request.IsHead)
                    whole = $"HTTP/1.1 200 OK\r\nId: {request.Id}\r\nContent-Length: 100\r\n{close}\r\n";
                else if (Random.Next(5) == 0)
                    whole = $"HTTP/1.1 204 No Content\r\nId: {request.Id}\r\n{close}\r\n";
                else if (Random.Next(2) == 0)
                    whole = $"HTTP/1.1 200 OK\r\nContent-Length: {body.Length}\r\nId: {request.Id}\r\n{close}\r\n{body}";
                else
                    whole = $"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nId: {request.Id}\r\n{close}\r\n{(body.Length == 0 ? "" : $"{body.Length:x}\r\n{body}\r\n")}0\r\n\r\n";
                for (var at = 0; at < whole.Length;)
                {
                    var count = Random.Next(3) == 0 ? Random.Next(1, whole.Length - at + 1) : whole.Length - at;
                    yield return Encoding.ASCII.GetBytes(whole.Substring(at, count));
                    at += count;
                }
            }

            private void Write(byte[] bytes)
            {
                _bounds.Add(bytes);
                _output.AddRange(bytes);
            }

            private IEnumerable<bool> Send()
            {
                while (true)
                {
                    if (_sent == _flushed)
                    {
                        yield return false;
                        continue;
                    }
                    var end = _flushed;
                    _report.SendingBegins(end);
                    yield return true;
                    while (_sent < end)
                    {
                        var count = Random.Next(3) == 0 ? Random.Next(1, end - _sent + 1) : end - _sent;
                        _world._toClient.AddRange(_output.GetRange(_sent, count));
                        _sent += count;
                        yield return true;
                    }
                    _report.SendingEnds(_sent);
                    yield return true;
                }
            }
        }
    }
}
