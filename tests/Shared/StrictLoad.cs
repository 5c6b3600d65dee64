using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text;

namespace ProcessCluster.Testing;

/// <summary>What a load of strict clients does.</summary>
public sealed record StrictLoadOptions
{
    /// <summary>How many clients ask at the same time, each one request after another.</summary>
    public int Clients { get; init; } = 50;

    /// <summary>Whether a client keeps its connection until an answer says <c>Connection: close</c>; else each request has its own.</summary>
    public bool KeepAlive { get; init; } = true;

    /// <summary>The body of each POST; 0 for GET.</summary>
    public int BodyBytes { get; init; } = 16 * 1024;

    /// <summary>What is asked for. It is to answer its process id, the length of the body and the sum of the body's bytes.</summary>
    public string Path { get; init; } = "/strict";

    /// <summary>How long an answer may take, connecting included.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(20);

    /// <summary>How long a client waits after an answer.</summary>
    public TimeSpan Pause { get; init; }

    /// <summary>With TLS, the hash of the server's certificate (SHA-1, hexadecimal).</summary>
    public string? CertificateHash { get; init; }

    /// <summary>The end, if nobody ends it before.</summary>
    public long MaxRequests { get; init; } = 2_000_000;
}

/// <summary>
/// Clients that keep asking and never retry: each request that is not answered, wholly and rightly, is a failure. Only where an answer
/// says <c>Connection: close</c> does a client go on with a new connection.
/// </summary>
public sealed class StrictLoad : IAsyncDisposable
{
    private const int MaxTexts = 10;

    private readonly EndPoint _endPoint;
    private readonly StrictLoadOptions _options;
    private readonly byte[] _request;
    private readonly string _expected;
    private readonly CancellationTokenSource _end = new();
    private readonly ConcurrentDictionary<int, long> _byProcess = new();
    private readonly ConcurrentDictionary<StrictFailure, long> _failures = new();
    private readonly ConcurrentQueue<string> _texts = new();
    private readonly LatencyHistogram _latencies = new();
    private readonly Task _clients;
    private readonly long _started = Stopwatch.GetTimestamp();
    private long _asked;
    private long _answered;
    private long _connections;

    private StrictLoad(EndPoint endPoint, StrictLoadOptions options)
    {
        (_endPoint, _options) = (endPoint, options);
        var body = new byte[options.BodyBytes];
        new Random(1).NextBytes(body);
        _request = StrictConnection.Request(options.Path, body.Length > 0 ? body : null, options.KeepAlive);
        _expected = string.Create(CultureInfo.InvariantCulture, $" {body.Length} {body.Sum(b => (long)b)}");
        _clients = Task.WhenAll(Enumerable.Range(0, options.Clients).Select(_ => Task.Run(AskUntilTheEndAsync)));
    }

    /// <summary>Requests that were answered so far.</summary>
    public long Answered => Interlocked.Read(ref _answered);

    /// <summary>Requests that have failed so far.</summary>
    public long Failed => _failures.Values.Sum();

    /// <summary>Completes when the load has ended, by <see cref="StrictLoadOptions.MaxRequests"/> or by being stopped.</summary>
    public Task Completion => _clients;

    public static StrictLoad Start(int port, StrictLoadOptions? options = null) =>
        Start(new IPEndPoint(IPAddress.Loopback, port), options);

    public static StrictLoad Start(EndPoint endPoint, StrictLoadOptions? options = null) => new(endPoint, options ?? new StrictLoadOptions());

    /// <summary>How many requests this process has answered so far.</summary>
    public long AnsweredBy(int processId) => _byProcess.GetValueOrDefault(processId);

    /// <summary>Completes when the process has answered so many more requests than now.</summary>
    public Task ExpectAnswersOf(int processId, long more = 1, TimeSpan? within = null)
    {
        var wanted = AnsweredBy(processId) + more;
        return Expect(() => AnsweredBy(processId) >= wanted, $"{more} answers of process {processId}", within);
    }

    /// <summary>Completes when so many more requests were answered than now.</summary>
    public Task ExpectAnswers(long more, TimeSpan? within = null)
    {
        var wanted = Answered + more;
        return Expect(() => Answered >= wanted, $"{more} answers", within);
    }

    /// <summary>Ends the load. Requests under way are still answered.</summary>
    public async Task<StrictReport> StopAsync()
    {
        await _end.CancelAsync();
        await _clients;
        return Report();
    }

    /// <summary>What has happened so far.</summary>
    public StrictReport Report() => new(
        Answered, Interlocked.Read(ref _connections), _failures.ToDictionary(), _byProcess.ToDictionary(), [.. _texts], _latencies, Stopwatch.GetElapsedTime(_started));

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        _end.Dispose();
    }

    private async Task Expect(Func<bool> condition, string what, TimeSpan? within)
    {
        var watch = Stopwatch.StartNew();
        while (!condition())
        {
            if (_clients.IsCompleted || watch.Elapsed > (within ?? TimeSpan.FromSeconds(20)))
                throw new TimeoutException($"Not in time: {what}. {Report()}");
            await Task.Delay(5);
        }
    }

    private async Task AskUntilTheEndAsync()
    {
        StrictConnection? connection = null;
        while (!_end.IsCancellationRequested && Interlocked.Increment(ref _asked) <= _options.MaxRequests)
        {
            connection = await AskOnceAsync(connection);
            if (_options.Pause > TimeSpan.Zero)
                await Task.Delay(_options.Pause, _end.Token).ContinueWith(static _ => { }, TaskScheduler.Default);
        }
        connection?.Dispose();
    }

    /// <summary>Asks on a connection or a new one; gives the one on which to go on.</summary>
    private async Task<StrictConnection?> AskOnceAsync(StrictConnection? connection)
    {
        using var deadline = new CancellationTokenSource(_options.Timeout);
        try
        {
            var since = Stopwatch.GetTimestamp();
            if (connection is null)
            {
                connection = await StrictConnection.OpenAsync(_endPoint, _options.CertificateHash, deadline.Token);
                Interlocked.Increment(ref _connections);
            }
            var answer = await connection.AskAsync(_request, deadline.Token);
            Check(answer);
            _latencies.Add(Stopwatch.GetElapsedTime(since));
            if (_options.KeepAlive && !answer.Closes)
                return connection;
        }
        catch (StrictFailureException exception)
        {
            _failures.AddOrUpdate(exception.Failure, 1, static (_, count) => count + 1);
            var text = $"{exception.Failure}: {exception.Message}";
            if (_texts.Count < MaxTexts && !_texts.Contains(text))
                _texts.Enqueue(text);
            if (exception.Failure == StrictFailure.Refused)
                await Task.Delay(10); // Not to count a million of them.
        }
        connection?.Dispose();
        return null;
    }

    private void Check(StrictAnswer answer)
    {
        var text = Encoding.ASCII.GetString(answer.Body);
        if (answer.Status != 200)
            throw new StrictFailureException(StrictFailure.Status, $"{answer.Status} {text}");
        if (!text.EndsWith(_expected, StringComparison.Ordinal) || !int.TryParse(text.AsSpan(0, text.Length - _expected.Length), CultureInfo.InvariantCulture, out var process))
            throw new StrictFailureException(StrictFailure.Wrong, $"'{text}' instead of a process id and '{_expected}'.");
        _byProcess.AddOrUpdate(process, 1, static (_, count) => count + 1);
        Interlocked.Increment(ref _answered);
    }
}

/// <summary>What a load has met.</summary>
/// <param name="Answered">Requests that were answered.</param>
/// <param name="Connections">Connections that were opened.</param>
/// <param name="Failures">Requests that failed, by kind.</param>
/// <param name="ByProcess">Requests that were answered, by the process that did.</param>
/// <param name="Texts">What the first failures said.</param>
/// <param name="Latencies">Of the requests that were answered.</param>
/// <param name="Elapsed">The time of it all.</param>
public sealed record StrictReport(
    long Answered,
    long Connections,
    IReadOnlyDictionary<StrictFailure, long> Failures,
    IReadOnlyDictionary<int, long> ByProcess,
    IReadOnlyList<string> Texts,
    LatencyHistogram Latencies,
    TimeSpan Elapsed)
{
    public long Failed => Failures.Values.Sum();

    public override string ToString() => string.Create(CultureInfo.InvariantCulture,
        $"{Answered} answered on {Connections} connections by {ByProcess.Count} processes in {Elapsed.TotalSeconds:0.0} s, {Failed} failed"
        + $"{(Failed == 0 ? "" : $" ({string.Join(", ", Failures.Select(f => $"{f.Key} {f.Value}"))}: {string.Join("; ", Texts)})")}; {Latencies}");
}

/// <summary>Times in classes of about 1.5 %, for percentiles; of fixed size. Thread-safe.</summary>
public sealed class LatencyHistogram
{
    private const int Steps = 64;

    private readonly long[] _counts = new long[Steps * 40];
    private long _max;

    public TimeSpan Max => TimeSpan.FromMicroseconds(Interlocked.Read(ref _max));

    public void Add(TimeSpan latency)
    {
        var value = (ulong)Math.Max(0, (long)latency.TotalMicroseconds);
        var power = value < 2 * Steps ? 0 : System.Numerics.BitOperations.Log2(value) - 6;
        Interlocked.Increment(ref _counts[(power * Steps) + (int)(value >> power)]);
        for (var max = _max; (long)value > max; max = Interlocked.Read(ref _max))
            Interlocked.CompareExchange(ref _max, (long)value, max);
    }

    /// <summary>What so many of a hundred do not exceed.</summary>
    public TimeSpan Percentile(double percent)
    {
        var rank = (long)Math.Ceiling(_counts.Sum() * percent / 100);
        for (var i = 0; i < _counts.Length; i++)
        {
            rank -= _counts[i];
            if (rank <= 0)
            {
                var power = i < 2 * Steps ? 0 : (i / Steps) - 1;
                var upper = TimeSpan.FromMicroseconds((long)(i - (power * Steps) + 1) << power);
                return upper < Max ? upper : Max;
            }
        }
        return Max;
    }

    public override string ToString() => string.Create(CultureInfo.InvariantCulture,
        $"p50 {Percentile(50).TotalMilliseconds:0.0} ms, p99 {Percentile(99).TotalMilliseconds:0.0} ms, "
        + $"p99.9 {Percentile(99.9).TotalMilliseconds:0.0} ms, max {Max.TotalMilliseconds:0.0} ms");
}
