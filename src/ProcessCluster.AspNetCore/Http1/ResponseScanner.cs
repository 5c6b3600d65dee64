using System.Buffers.Text;
using System.Text;

namespace ProcessCluster.AspNetCore.Http1;

/// <summary>
/// Finds the ends of whole HTTP/1.1 responses in the bytes that a server writes (RFC 9112, 6 and 7.1). It follows heads and chunk sizes, and skips bodies. It takes what it
/// is shown for what it knows or for nothing: where it is not sure, no response ends any more. One writes; the ends may be read on any thread.
/// </summary>
internal sealed class ResponseScanner
{
    /// <summary>The longest line that is looked at; of longer ones the beginning is.</summary>
    private const int MaxLine = 128;

    private readonly byte[] _line = new byte[MaxLine];
    private int _lineLength;
    private Place _place;
    private long _left;
    private long _position;
    private bool _hasLength;
    private bool _isChunked;
    private bool _closes;
    private int _status;
    private bool _isHead;
    private long _lastEnd;
    private long _previousEnd;

    private enum Place
    {
        StatusLine,
        Headers,
        Body,
        ChunkSize,
        Chunk,
        ChunkEnd,
        Trailers,
        Unknown,
    }

    /// <summary>Gets the number of bytes at the end of the last whole response, or of one that announces another (1xx).</summary>
    public long LastEnd => Volatile.Read(ref _lastEnd);

    /// <summary>The same before that.</summary>
    public long PreviousEnd => Volatile.Read(ref _previousEnd);

    /// <summary>Gets the number of responses that have ended, without those that announce another (1xx).</summary>
    public int Completed { get; private set; }

    /// <summary>The next response is one to HEAD, which has no body whatever it says.</summary>
    public void RequestBegins(bool isHead) => _isHead = isHead;

    /// <summary>Notes that bytes are written that it does not see.</summary>
    public void Lose() => _place = Place.Unknown;

    /// <summary>So much more was written.</summary>
    public void Add(ReadOnlySpan<byte> written)
    {
        while (!written.IsEmpty)
        {
            switch (_place)
            {
                case Place.Body or Place.Chunk:
                    var part = (int)Math.Min(_left, written.Length);
                    _left -= part;
                    written = written[part..];
                    _position += part;
                    if (_left == 0)
                        EndOfBody();
                    continue;
                case Place.Unknown:
                    return;
            }
            var end = written.IndexOf((byte)'\n');
            var line = end < 0 ? written : written[..end];
            var passed = end < 0 ? written.Length : end + 1;
            written = written[passed..];
            _position += passed;
            if (end >= 0 && _lineLength == 0)
            {
                Line(line);
                continue;
            }
            var room = Math.Min(line.Length, MaxLine - _lineLength);
            line[..room].CopyTo(_line.AsSpan(_lineLength));
            _lineLength += room;
            if (end < 0)
                return;
            var whole = _line.AsSpan(0, _lineLength);
            _lineLength = 0;
            Line(whole);
        }
    }

    private void EndOfBody()
    {
        if (_place == Place.Body)
            EndOfResponse();
        else
            _place = Place.ChunkEnd;
    }

    /// <param name="line">Without its <c>\n</c>.</param>
    private void Line(ReadOnlySpan<byte> line)
    {
        if (line is [.., (byte)'\r'])
            line = line[..^1];
        switch (_place)
        {
            case Place.StatusLine:
                _status = Status(line);
                _place = _status < 0 ? Place.Unknown : Place.Headers;
                _hasLength = false;
                _isChunked = false;
                _closes = false;
                _left = 0;
                break;
            case Place.Headers when line.IsEmpty:
                EndOfHead();
                break;
            case Place.Headers:
                Header(line);
                break;
            case Place.ChunkSize:
                if (!Utf8Parser.TryParse(line, out _left, out var read, 'x') || read == 0 || _left < 0)
                    _place = Place.Unknown;
                else
                    _place = _left == 0 ? Place.Trailers : Place.Chunk;
                break;
            case Place.ChunkEnd:
                _place = line.IsEmpty ? Place.ChunkSize : Place.Unknown;
                break;
            case Place.Trailers when line.IsEmpty:
                EndOfResponse();
                break;
        }
    }

    /// <summary>Three digits (RFC 9112, 4); -1 where it is something else.</summary>
    private static int Status(ReadOnlySpan<byte> line) =>
        line.StartsWith("HTTP/1.1 "u8) && line[9..] is [>= (byte)'1' and <= (byte)'9' and var a, >= (byte)'0' and <= (byte)'9' and var b, >= (byte)'0' and <= (byte)'9' and var c, ..]
            ? (((((a - '0') * 10) + b - '0') * 10) + c) - '0'
            : -1;

    private void Header(ReadOnlySpan<byte> line)
    {
        // All that matter begin with these; most others are told from them by that.
        switch (line[0] | 0x20)
        {
            case 'c' when IsNamed(line, "Content-Length:"u8):
                var length = ValueOf(line, "Content-Length:"u8);
                _hasLength = Utf8Parser.TryParse(length, out _left, out var read) && read == length.Length;
                break;
            case 'c' when IsNamed(line, "Connection:"u8):
                _closes = !Ascii.EqualsIgnoreCase(ValueOf(line, "Connection:"u8), "keep-alive"u8);
                break;
            case 't' when IsNamed(line, "Transfer-Encoding:"u8):
                _isChunked = Ascii.EqualsIgnoreCase(ValueOf(line, "Transfer-Encoding:"u8), "chunked"u8);
                break;
        }
    }

    private static bool IsNamed(ReadOnlySpan<byte> line, ReadOnlySpan<byte> name) =>
        line.Length >= name.Length && line[name.Length - 1] == ':' && Ascii.EqualsIgnoreCase(line[..name.Length], name);

    private static ReadOnlySpan<byte> ValueOf(ReadOnlySpan<byte> line, ReadOnlySpan<byte> name) => line[name.Length..].Trim((byte)' ');

    private void EndOfHead()
    {
        if (_status is >= 100 and < 200 and not 101)
        {
            _place = Place.StatusLine;
            EndHere();
        }
        else if (_closes || _status == 101)
        {
            _place = Place.Unknown;
        }
        else if (_isHead || _status is 204 or 304 || (_hasLength && _left == 0))
        {
            EndOfResponse();
        }
        else
        {
            _place = _isChunked ? Place.ChunkSize : _hasLength ? Place.Body : Place.Unknown;
        }
    }

    private void EndOfResponse()
    {
        _place = Place.StatusLine;
        _isHead = false;
        Completed++;
        EndHere();
    }

    /// <summary>In this order: an end that is looked for is one of the two at every moment.</summary>
    private void EndHere()
    {
        Volatile.Write(ref _previousEnd, _lastEnd);
        Volatile.Write(ref _lastEnd, _position);
    }
}
