using System.Globalization;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Text;

namespace ProcessCluster.Testing;

/// <summary>What can go wrong with a request, as its client sees it.</summary>
public enum StrictFailure
{
    /// <summary>Nobody listened.</summary>
    Refused,

    /// <summary>The connection was reset.</summary>
    Reset,

    /// <summary>The connection ended before the whole answer.</summary>
    Cut,

    /// <summary>The whole answer was not there in time.</summary>
    Timeout,

    /// <summary>The status was not 200.</summary>
    Status,

    /// <summary>The answer was not what was expected, or not HTTP.</summary>
    Wrong,
}

/// <summary>An answer. <paramref name="Closes"/>: the server said that nothing follows on the connection.</summary>
public sealed record StrictAnswer(int Status, byte[] Body, bool Closes);

/// <summary>Thrown for each request that failed, with the kind.</summary>
public sealed class StrictFailureException(StrictFailure failure, string message, Exception? cause = null) : Exception(message, cause)
{
    public StrictFailure Failure { get; } = failure;
}

/// <summary>
/// One HTTP/1.1 connection over a raw socket, as simple clients have it: it never sends a request twice, and does not look whether an
/// idle connection was closed before it sends on it.
/// </summary>
public sealed class StrictConnection : IDisposable
{
    private const int MaxLine = 32 * 1024;

    private readonly Socket _socket;
    private readonly byte[] _received = new byte[MaxLine];
    private Stream _stream = Stream.Null;
    private int _start;
    private int _end;

    private StrictConnection(Socket socket) => _socket = socket;

    /// <summary>Whether a part of the last answer has come.</summary>
    public bool HasBegun { get; private set; }

    /// <summary>Connects; with TLS when there is the hash of the server's certificate.</summary>
    /// <exception cref="StrictFailureException">It could not be opened.</exception>
    public static async Task<StrictConnection> OpenAsync(EndPoint endPoint, string? certificateHash, CancellationToken deadline)
    {
        var socket = Client.Connectable(endPoint);
        if (endPoint is IPEndPoint)
            socket.NoDelay = true;
        var connection = new StrictConnection(socket);
        try
        {
            await socket.ConnectAsync(endPoint, deadline);
            connection._stream = new NetworkStream(socket);
            if (certificateHash is not null)
            {
                var secure = new SslStream(connection._stream);
                connection._stream = secure;
                await secure.AuthenticateAsClientAsync(
                    new SslClientAuthenticationOptions
                    {
                        TargetHost = "localhost",
                        RemoteCertificateValidationCallback = (_, presented, _, _) => presented?.GetCertHashString() == certificateHash,
                    },
                    deadline);
            }
            return connection;
        }
        catch (Exception exception)
        {
            connection.Dispose();
            throw FailureOf(exception, "while it connected");
        }
    }

    /// <summary>A request as bytes.</summary>
    public static byte[] Request(string path, byte[]? body = null, bool keepAlive = true)
    {
        var head = $"{(body is null ? "GET" : "POST")} {path} HTTP/1.1\r\nHost: localhost\r\n"
            + (body is null ? "" : $"Content-Type: application/octet-stream\r\nContent-Length: {body.Length}\r\n")
            + (keepAlive ? "\r\n" : "Connection: close\r\n\r\n");
        return [.. Encoding.ASCII.GetBytes(head), .. body ?? []];
    }

    /// <summary>Sends bytes and nothing else.</summary>
    /// <exception cref="StrictFailureException">They could not be sent.</exception>
    public async Task SendAsync(ReadOnlyMemory<byte> bytes, CancellationToken deadline)
    {
        try
        {
            await _stream.WriteAsync(bytes, deadline);
        }
        catch (Exception exception)
        {
            throw FailureOf(exception, "while it sent");
        }
    }

    /// <summary>Sends a request and reads the whole answer; where nothing follows, to the end of the connection.</summary>
    /// <exception cref="StrictFailureException">That did not happen.</exception>
    public async Task<StrictAnswer> AskAsync(ReadOnlyMemory<byte> request, CancellationToken deadline)
    {
        await SendAsync(request, deadline);
        return await ReadAnswerAsync(deadline);
    }

    /// <summary>Reads the whole answer to what was sent.</summary>
    /// <exception cref="StrictFailureException">It did not come.</exception>
    public async Task<StrictAnswer> ReadAnswerAsync(CancellationToken deadline)
    {
        try
        {
            var lines = (await ReadHeadAsync(deadline)).Split("\r\n");
            if (lines[0].Split(' ') is not ["HTTP/1.1", var code, ..] || !int.TryParse(code, CultureInfo.InvariantCulture, out var status))
                throw new StrictFailureException(StrictFailure.Wrong, $"The answer begins with '{lines[0]}'.");
            var body = (Header(lines, "Content-Length"), Header(lines, "Transfer-Encoding")) switch
            {
                ({ } length, null) => await ReadBodyAsync(int.Parse(length, CultureInfo.InvariantCulture), deadline),
                (null, "chunked") => await ReadChunksAsync(deadline),
                _ => throw new StrictFailureException(StrictFailure.Wrong, $"Nothing says how long the answer is: {string.Join(" | ", lines)}"),
            };
            var closes = string.Equals(Header(lines, "Connection"), "close", StringComparison.OrdinalIgnoreCase);
            if (_start != _end || (closes && await _stream.ReadAsync(_received, deadline) > 0))
                throw new StrictFailureException(StrictFailure.Wrong, "More came than the answer.");
            return new StrictAnswer(status, body, closes);
        }
        catch (Exception exception) when (exception is not StrictFailureException)
        {
            throw FailureOf(exception, "while it waited for the answer");
        }
    }

    /// <summary>Reads the server's word that the body may come (<c>Expect: 100-continue</c>).</summary>
    /// <exception cref="StrictFailureException">It did not come.</exception>
    public async Task ReadContinueAsync(CancellationToken deadline)
    {
        if (await ReadHeadAsync(deadline) is not "HTTP/1.1 100 Continue" and var other)
            throw new StrictFailureException(StrictFailure.Wrong, $"Instead of 100 came '{other}'.");
    }

    /// <summary>Gets whether something has come that was not read.</summary>
    public bool HasUnread => _socket.Available > 0;

    /// <summary>Says that nothing more is sent.</summary>
    public void EndSending() => _socket.Shutdown(SocketShutdown.Send);

    /// <summary>Completes when the server has ended the connection, in order or not.</summary>
    /// <exception cref="StrictFailureException">It sent something instead, or did not end it in time.</exception>
    public async Task ReadEndAsync(CancellationToken deadline)
    {
        try
        {
            if (await _stream.ReadAsync(_received, deadline) > 0)
                throw new StrictFailureException(StrictFailure.Wrong, "Something came that was not asked for.");
        }
        catch (Exception exception) when (exception is not StrictFailureException)
        {
            throw FailureOf(exception, "while it waited for the end");
        }
    }

    public void Dispose()
    {
        _stream.Dispose();
        _socket.Dispose();
    }

    private async Task<string> ReadHeadAsync(CancellationToken deadline)
    {
        (_start, _end, HasBegun) = (0, 0, false);
        return await ReadUntilAsync("\r\n\r\n", deadline);
    }

    private async Task<byte[]> ReadChunksAsync(CancellationToken deadline)
    {
        using var body = new MemoryStream();
        while (true)
        {
            var length = int.Parse(await ReadUntilAsync("\r\n", deadline), NumberStyles.HexNumber, CultureInfo.InvariantCulture);
            body.Write(await ReadBodyAsync(length, deadline));
            if ((await ReadUntilAsync("\r\n", deadline)).Length > 0)
                throw new StrictFailureException(StrictFailure.Wrong, "A chunk is longer than it should be.");
            if (length == 0)
                return body.ToArray();
        }
    }

    /// <summary>What comes before a mark; the mark is read, too.</summary>
    private async Task<string> ReadUntilAsync(string mark, CancellationToken deadline)
    {
        while (true)
        {
            var length = _received.AsSpan(_start, _end - _start).IndexOf(Encoding.ASCII.GetBytes(mark));
            if (length >= 0)
            {
                var text = Encoding.ASCII.GetString(_received, _start, length);
                _start += length + mark.Length;
                return text;
            }
            _received.AsSpan(_start, _end - _start).CopyTo(_received);
            (_start, _end) = (0, _end - _start);
            if (_end == _received.Length)
                throw new StrictFailureException(StrictFailure.Wrong, $"There is no end of a line in {MaxLine} bytes.");
            _end += await ReadAsync(_received.AsMemory(_end), deadline);
        }
    }

    private async Task<byte[]> ReadBodyAsync(int length, CancellationToken deadline)
    {
        var body = new byte[length];
        var count = Math.Min(length, _end - _start);
        _received.AsSpan(_start, count).CopyTo(body);
        _start += count;
        while (count < length)
            count += await ReadAsync(body.AsMemory(count), deadline);
        return body;
    }

    private async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken deadline) =>
        await _stream.ReadAsync(buffer, deadline) is > 0 and var count && (HasBegun = true)
            ? count
            : throw new StrictFailureException(StrictFailure.Cut, "The connection ended before the whole answer.");

    private static string? Header(string[] lines, string name) =>
        lines.Skip(1).Select(line => line.Split(": ", 2)).FirstOrDefault(pair => string.Equals(pair[0], name, StringComparison.OrdinalIgnoreCase))?[1];

    private static StrictFailureException FailureOf(Exception exception, string when)
    {
        var cause = exception is IOException { InnerException: SocketException inner } ? inner : exception;
        var failure = cause switch
        {
            SocketException { SocketErrorCode: SocketError.ConnectionRefused } => StrictFailure.Refused,
            SocketException => StrictFailure.Reset,
            OperationCanceledException => StrictFailure.Timeout,
            IOException => StrictFailure.Cut, // TLS, which was not ended as it should be.
            _ => StrictFailure.Wrong,
        };
        return new StrictFailureException(failure, $"{failure} {when}: {cause.Message}", exception);
    }
}
