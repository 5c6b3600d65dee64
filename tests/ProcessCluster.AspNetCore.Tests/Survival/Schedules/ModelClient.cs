using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;

namespace ProcessCluster.AspNetCore.Tests;

/// <summary>A request as the client sends it.</summary>
/// <param name="Id">The number of the request, from 1.</param>
/// <param name="Start">The number of bytes before it on the connection.</param>
/// <param name="Head">Its lines, with the empty one.</param>
/// <param name="Body">Its body.</param>
/// <param name="IsChunked">True when only its trailers show the end of its body.</param>
/// <param name="IsHead">True when the response has no body.</param>
/// <param name="Expects">True when it gets a 100 before its body is read.</param>
/// <param name="Closes">True when the connection is closed after the response.</param>
/// <param name="IsIdempotent">True when it may be served twice.</param>
internal sealed record ModelRequest(int Id, long Start, string Head, string Body, bool IsChunked, bool IsHead, bool Expects, bool Closes, bool IsIdempotent)
{
    public long End => Start + Head.Length + Body.Length;

    public override string ToString() =>
        $"{Id}({Head.Length}+{Body.Length}{(IsChunked ? " chunked" : "")}{(IsHead ? " head" : "")}{(Expects ? " expects" : "")}{(Closes ? " closes" : "")}{(IsIdempotent ? " idempotent" : "")})";
}

/// <summary>The client: sends its requests in parts and reads the answers.</summary>
internal sealed class ModelClient
{
    private readonly Random _random;
    private readonly List<byte> _received = [];
    private readonly List<int> _answers = [];
    private readonly byte[] _bytes;
    private int _whole;

    public ModelClient(Random random)
    {
        _random = random;
        IsPipelined = random.Next(4) == 0;
        var padding = random.Next(8) == 0 ? 3_000 : 8; // Some requests fill buffers.
        var requests = new List<ModelRequest>();
        var count = random.Next(1, 6);
        for (var id = 1; id <= count; id++)
            requests.Add(Ask(id, requests is [.., var last] ? last.End : 0, padding));
        Requests = requests;
        _bytes = Encoding.ASCII.GetBytes(string.Concat(requests.Select(request => request.Head + request.Body)));
    }

    public IReadOnlyList<ModelRequest> Requests { get; }

    /// <summary>Gets whether it sends requests before it has the answers to those before.</summary>
    public bool IsPipelined { get; }

    /// <summary>Gets the number of bytes that it has sent.</summary>
    public long Sent { get; private set; }

    /// <summary>Gets the number of bytes that it has received.</summary>
    public long Received => _received.Count;

    /// <summary>Gets the ids of the answers that are whole, 0 for a 502.</summary>
    public IReadOnlyList<int> Answers => _answers;

    /// <summary>Gets whether the last answer is whole, or it has nothing.</summary>
    public bool IsBetweenAnswers => _whole == _received.Count;

    /// <summary>Gets the number of requests of which it has sent at least a byte.</summary>
    public int Asked => Requests.Count(request => request.Start < Sent);

    public bool CanSend => Sent < Limit;

    public bool IsDone => Sent == _bytes.Length && _answers.Count == Requests.Count;

    private long Limit => IsPipelined ? _bytes.Length : Requests[Math.Min(_answers.Count, Requests.Count - 1)].End;

    /// <summary>Sends a part of its bytes.</summary>
    public void Send()
    {
        var most = (int)(Limit - Sent);
        Sent += _random.Next(3) switch
        {
            0 => most,
            1 => Math.Min(most, _bytes.AsSpan((int)Sent).IndexOf((byte)'\n') + 1 is > 0 and var line ? line : most),
            _ => _random.Next(1, most + 1),
        };
    }

    /// <summary>Returns the bytes that it has sent, after so many.</summary>
    public ReadOnlySpan<byte> SentAfter(long position) => _bytes.AsSpan((int)position, (int)(Sent - position));

    public void Receive(ReadOnlySpan<byte> bytes)
    {
        _received.AddRange(bytes);
        while (TryReadAnswer())
        {
        }
    }

    public override string ToString() => $"{string.Join(' ', Requests)}; sent {Sent}, answers '{Encoding.ASCII.GetString([.. _received])}'";

    private ModelRequest Ask(int id, long start, int padding)
    {
        var body = _random.Next(3) == 0 ? new string('b', _random.Next(1, padding)) : "";
        var isHead = body.Length == 0 && _random.Next(6) == 0;
        var header = _random.Next(2) == 0 ? $"A: {new string('a', _random.Next(padding))}\r\n" : "";
        return new ModelRequest(
            id,
            start,
            $"{(isHead ? "HEAD" : body.Length > 0 ? "POST" : "GET")} /{id} HTTP/1.1\r\n{header}\r\n",
            body,
            IsChunked: body.Length > 0 && _random.Next(3) == 0,
            isHead,
            Expects: body.Length > 0 && _random.Next(4) == 0,
            Closes: _random.Next(20) == 0,
            IsIdempotent: _random.Next(3) != 0);
    }

    /// <summary>Reads one answer, or one that announces another. Returns false when none is whole.</summary>
    private bool TryReadAnswer()
    {
        if (IsBetweenAnswers)
            return false;
        var text = Encoding.ASCII.GetString(CollectionsMarshal.AsSpan(_received)[_whole..]);
        var head = text.IndexOf("\r\n\r\n", StringComparison.Ordinal);
        if (head < 0)
            return false;
        var lines = text[..head].Split("\r\n");
        var status = int.Parse(lines[0].Split(' ')[1], CultureInfo.InvariantCulture);
        var id = status is 100 or 502 ? 0 : int.Parse(Value(lines, "Id: ")!, CultureInfo.InvariantCulture);
        var end = status is 100 or 204 || (id != 0 && Requests[id - 1].IsHead) ? head + 4
            : Value(lines, "Content-Length: ") is { } length ? head + 4 + int.Parse(length, CultureInfo.InvariantCulture)
            : EndOfChunks(text, head + 4);
        if (end < 0 || end > text.Length)
            return false;
        _whole += end;
        if (status != 100)
            _answers.Add(id);
        return true;
    }

    private static string? Value(string[] lines, string name) => Array.Find(lines, line => line.StartsWith(name, StringComparison.Ordinal))?[name.Length..];

    private static int EndOfChunks(string text, int at)
    {
        for (var size = -1; size != 0;)
        {
            var line = text.IndexOf("\r\n", at, StringComparison.Ordinal);
            if (line < 0)
                return -1;
            size = int.Parse(text[at..line], NumberStyles.HexNumber, CultureInfo.InvariantCulture);
            at = line + 2 + size + 2;
            if (at > text.Length)
                return -1;
        }
        return at;
    }
}
