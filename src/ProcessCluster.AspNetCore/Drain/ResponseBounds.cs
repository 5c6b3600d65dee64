using System.Buffers.Text;
using System.Text;

namespace ProcessCluster.AspNetCore.Drain;

/// <summary>
/// Where whole HTTP/1.1 responses end in what a server writes (RFC 9112, 6 and 7.1): it follows the heads and the sizes of chunks, and passes over the bodies. It takes what it
/// is shown for what it knows or for nothing: where it is not sure, no response ends any more.
/// </summary>
internal sealed class ResponseBounds
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

    /// <summary>How many bytes there were when a response last ended, whole; also one that announces another (1xx).</summary>
    public long LastEnd { get; private set; }

    /// <summary>The same before that.</summary>
    public long PreviousEnd { get; private set; }

    /// <summary>How many responses have ended, without those that announce another.</summary>
    public int Completed { get; private set; }

    /// <summary>The next response is one to HEAD, which has no body whatever it says.</summary>
    public void RequestBegins(bool isHead) => _isHead = isHead;

    /// <summary>What is written was not seen.</summary>
    public void Lose() => _place = Place.Unknown;

    /// <summary>So much more was written.</summary>
    public void Add(ReadOnlySpan<byte> written)
    {
        while (!written.IsEmpty)
        {
            var before = written.Length;
            switch (_place)
            {
                case Place.Body or Place.Chunk:
                    var passed = (int)Math.Min(_left, written.Length);
                    _left -= passed;
                    written = written[passed..];
                    _position += passed;
                    if (_left == 0)
                        EndOfBody();
                    continue;
                case Place.Unknown:
                    return;
            }
            var end = written.IndexOf((byte)'\n');
            var line = end < 0 ? written : written[..(end + 1)];
            if (end >= 0 && _lineLength == 0)
            {
                written = written[line.Length..];
                _position += line.Length;
                Line(line.TrimEnd("\r\n"u8));
                continue;
            }
            var room = Math.Min(line.Length, MaxLine - _lineLength);
            line[..room].CopyTo(_line.AsSpan(_lineLength));
            _lineLength += room;
            written = written[line.Length..];
            _position += before - written.Length;
            if (end < 0)
                return;
            var whole = _line.AsSpan(0, _lineLength).TrimEnd("\r\n"u8);
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

    private void Line(ReadOnlySpan<byte> line)
    {
        switch (_place)
        {
            case Place.StatusLine:
                if (!line.StartsWith("HTTP/1.1 "u8) || !Utf8Parser.TryParse(line[9..], out _status, out _))
                    _place = Place.Unknown;
                else
                    (_place, _hasLength, _isChunked, _closes, _left) = (Place.Headers, false, false, false, 0);
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

    private void Header(ReadOnlySpan<byte> line)
    {
        // All that matter begin with these.
        if ((line[0] | 0x20) is not ('c' or 't') || line.IndexOf((byte)':') is not (> 0 and var colon))
            return;
        var name = line[..colon];
        var value = line[(colon + 1)..].Trim((byte)' ');
        if (Ascii.EqualsIgnoreCase(name, "Content-Length"u8))
            _hasLength = Utf8Parser.TryParse(value, out _left, out var read) && read == value.Length;
        else if (Ascii.EqualsIgnoreCase(name, "Transfer-Encoding"u8))
            _isChunked = Ascii.EqualsIgnoreCase(value, "chunked"u8);
        else if (Ascii.EqualsIgnoreCase(name, "Connection"u8))
            _closes = !Ascii.EqualsIgnoreCase(value, "keep-alive"u8);
    }

    private void EndOfHead()
    {
        if (_status is >= 100 and < 200 and not 101)
        {
            _place = Place.StatusLine;
            (PreviousEnd, LastEnd) = (LastEnd, _position);
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
        (_place, _isHead) = (Place.StatusLine, false);
        (PreviousEnd, LastEnd) = (LastEnd, _position);
        Completed++;
    }
}
