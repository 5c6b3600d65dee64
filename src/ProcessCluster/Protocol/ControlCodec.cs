using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Text;
using ProcessCluster.Linux.Interop;
using ProcessCluster.Linux.Sockets;

namespace ProcessCluster.Protocol;

/// <summary>
/// Control messages as frames: a 32-bit length of what follows, a byte for the kind, the fields. Little-endian; strings with a 16-bit
/// length, in UTF-8. A frame is at most 4096 bytes, which is what POSIX guarantees a pipe to take whole or not at all (PIPE_BUF).
/// </summary>
internal static class ControlCodec
{
    /// <summary>The version of all this, said at hello.</summary>
    public const int Protocol = 1;

    public const int MaxFrame = 4096;
    public const int LengthSize = 4;

    private const int MaxText = 3000;

    /// <summary>In the place of an end point's family: a socket that the primary was started with.</summary>
    private const AddressFamily Inherited = (AddressFamily)0xFF;

    /// <summary>The value of a number that is missing. No user or group has it (<c>man 2 chown</c>).</summary>
    private const int None = -1;

    private enum Kind : byte
    {
        Hello = 1,
        Listen = 2,
        Bound = 3,
        NotBound = 4,
        Listening = 5,
        CloseListener = 6,
        Ready = 7,
        StartFailed = 8,
        Disconnect = 9,
        Leaving = 10,
        LeavingNoted = 11,
        Admitted = 12,
        Ping = 13,
        Pong = 14,
        GiveBack = 15,
        BindUdp = 20,
        Unread = 21,
        AcquireLock = 24,
        LockGranted = 25,
        ReleaseLock = 26,
    }

    /// <summary>Writes the frame and gives its length. Long texts are cut, so that it always fits.</summary>
    public static int Encode(ControlMessage message, Span<byte> frame)
    {
        var writer = new Writer(frame[LengthSize..]);
        switch (message)
        {
            case ControlMessage.Hello m:
                writer.Byte((byte)Kind.Hello);
                writer.Int(m.Protocol);
                writer.Int(m.ProcessId);
                break;
            case ControlMessage.Listen m:
                writer.Byte((byte)Kind.Listen);
                writer.Int(m.Request);
                writer.EndPoint(m.EndPoint);
                writer.Options(m.Options);
                break;
            case ControlMessage.Bound m:
                writer.Byte((byte)Kind.Bound);
                writer.Int(m.Request);
                writer.Int(m.Port);
                writer.EndPoint(m.EndPoint);
                break;
            case ControlMessage.NotBound m:
                writer.Byte((byte)Kind.NotBound);
                writer.Int(m.Request);
                writer.Int(m.SocketError);
                writer.Text(m.Reason);
                break;
            case ControlMessage.Listening m:
                writer.Byte((byte)Kind.Listening);
                writer.Int(m.Port);
                break;
            case ControlMessage.CloseListener m:
                writer.Byte((byte)Kind.CloseListener);
                writer.Int(m.Port);
                break;
            case ControlMessage.Ready m:
                writer.Byte((byte)Kind.Ready);
                writer.Text(Lines(m.Addresses));
                break;
            case ControlMessage.StartFailed m:
                writer.Byte((byte)Kind.StartFailed);
                writer.Text(m.Reason);
                break;
            case ControlMessage.Disconnect m:
                writer.Byte((byte)Kind.Disconnect);
                writer.Bool(m.MovesConnections);
                break;
            case ControlMessage.Leaving:
                writer.Byte((byte)Kind.Leaving);
                break;
            case ControlMessage.LeavingNoted m:
                writer.Byte((byte)Kind.LeavingNoted);
                writer.Bool(m.MovesConnections);
                break;
            case ControlMessage.Admitted m:
                writer.Byte((byte)Kind.Admitted);
                writer.Int(m.Slot);
                break;
            case ControlMessage.Ping m:
                writer.Byte((byte)Kind.Ping);
                writer.Int(m.Sequence);
                break;
            case ControlMessage.Pong m:
                writer.Byte((byte)Kind.Pong);
                writer.Int(m.Sequence);
                writer.Long(m.Requests);
                writer.Int(m.InFlight);
                writer.Long(m.Busy.Ticks);
                writer.Bool(m.IsDebugged);
                break;
            case ControlMessage.GiveBack m:
                writer.Byte((byte)Kind.GiveBack);
                writer.Int(m.Port);
                writer.Int(m.Count);
                break;
            case ControlMessage.BindUdp m:
                writer.Byte((byte)Kind.BindUdp);
                writer.Int(m.Request);
                writer.EndPoint(m.EndPoint);
                writer.Bool(m.DualMode);
                writer.Bool(m.EnableBroadcast);
                writer.Int(m.ReceiveBufferBytes);
                writer.Int(m.SendBufferBytes);
                break;
            case ControlMessage.Unread m:
                writer.Byte((byte)Kind.Unread);
                writer.Int(m.Port);
                break;
            case ControlMessage.AcquireLock m:
                writer.Byte((byte)Kind.AcquireLock);
                writer.Int(m.Request);
                writer.Text(m.Name);
                break;
            case ControlMessage.LockGranted m:
                writer.Byte((byte)Kind.LockGranted);
                writer.Int(m.Request);
                break;
            case ControlMessage.ReleaseLock m:
                writer.Byte((byte)Kind.ReleaseLock);
                writer.Int(m.Request);
                break;
            default:
                throw new ArgumentException($"{message.GetType().Name} has no encoding.", nameof(message));
        }
        BinaryPrimitives.WriteInt32LittleEndian(frame, writer.Length);
        return LengthSize + writer.Length;
    }

    /// <summary>Reads what follows the length.</summary>
    /// <exception cref="InvalidDataException">It is not a control message of this protocol.</exception>
    public static ControlMessage Decode(ReadOnlySpan<byte> body)
    {
        var reader = new Reader(body);
        var kind = (Kind)reader.Byte();
        ControlMessage message = kind switch
        {
            Kind.Hello => new ControlMessage.Hello(reader.Int(), reader.Int()),
            Kind.Listen => new ControlMessage.Listen(reader.Int(), reader.EndPoint(), reader.Options()),
            Kind.Bound => new ControlMessage.Bound(reader.Int(), reader.Int(), reader.EndPoint()),
            Kind.NotBound => new ControlMessage.NotBound(reader.Int(), reader.Int(), reader.Text()),
            Kind.Listening => new ControlMessage.Listening(reader.Int()),
            Kind.CloseListener => new ControlMessage.CloseListener(reader.Int()),
            Kind.Ready => new ControlMessage.Ready(reader.Text().Split('\n', StringSplitOptions.RemoveEmptyEntries)),
            Kind.StartFailed => new ControlMessage.StartFailed(reader.Text()),
            Kind.Disconnect => new ControlMessage.Disconnect(reader.Bool()),
            Kind.Leaving => new ControlMessage.Leaving(),
            Kind.LeavingNoted => new ControlMessage.LeavingNoted(reader.Bool()),
            Kind.Admitted => new ControlMessage.Admitted(reader.Int()),
            Kind.Ping => new ControlMessage.Ping(reader.Int()),
            Kind.Pong => new ControlMessage.Pong(reader.Int(), reader.Long(), reader.Int(), new TimeSpan(reader.Long()), reader.Bool()),
            Kind.GiveBack => new ControlMessage.GiveBack(reader.Int(), reader.Int()),
            Kind.BindUdp => new ControlMessage.BindUdp(
                reader.Int(), reader.EndPoint(), reader.Bool(), reader.Bool(), reader.Int(), reader.Int()),
            Kind.Unread => new ControlMessage.Unread(reader.Int()),
            Kind.AcquireLock => new ControlMessage.AcquireLock(reader.Int(), reader.Text()),
            Kind.LockGranted => new ControlMessage.LockGranted(reader.Int()),
            Kind.ReleaseLock => new ControlMessage.ReleaseLock(reader.Int()),
            _ => throw new InvalidDataException($"A control frame has the unknown kind {(byte)kind}."),
        };
        reader.End();
        return message;
    }

    /// <summary>As many of them as fit, whole.</summary>
    private static string Lines(IReadOnlyCollection<string> lines)
    {
        var bytes = 0;
        return string.Join('\n', lines.TakeWhile(line => (bytes += Encoding.UTF8.GetByteCount(line) + 1) <= MaxText));
    }

    private ref struct Writer(Span<byte> buffer)
    {
        private readonly Span<byte> _buffer = buffer;

        public int Length { get; private set; }

        public void Byte(byte value) => _buffer[Length++] = value;

        public void Bool(bool value) => Byte(value ? (byte)1 : (byte)0);

        public void Int(int value)
        {
            BinaryPrimitives.WriteInt32LittleEndian(_buffer[Length..], value);
            Length += sizeof(int);
        }

        public void Long(long value)
        {
            BinaryPrimitives.WriteInt64LittleEndian(_buffer[Length..], value);
            Length += sizeof(long);
        }

        public void Text(string value)
        {
            // UTF-8 can be cut at any whole character: the encoder stops before one that does not fit.
            var room = _buffer.Slice(Length + sizeof(ushort), Math.Min(MaxText, _buffer.Length - Length - sizeof(ushort)));
            Encoding.UTF8.GetEncoder().Convert(value, room, flush: true, out _, out var used, out _);
            BinaryPrimitives.WriteUInt16LittleEndian(_buffer[Length..], (ushort)used);
            Length += sizeof(ushort) + used;
        }

        public void Bytes(ReadOnlySpan<byte> value)
        {
            BinaryPrimitives.WriteUInt16LittleEndian(_buffer[Length..], (ushort)value.Length);
            value.CopyTo(_buffer[(Length + sizeof(ushort))..]);
            Length += sizeof(ushort) + value.Length;
        }

        public void EndPoint(EndPoint value)
        {
            switch (value)
            {
                case IPEndPoint ip:
                    Byte((byte)AddressFamily.InterNetwork);
                    Text(ip.Address.ToString()); // with the scope, where it has one
                    Int(ip.Port);
                    break;
                case UnixDomainSocketEndPoint:
                    Byte((byte)AddressFamily.Unix);
                    Text(UnixPath.Of(value));
                    break;
                case InheritedEndPoint inherited:
                    Byte((byte)Inherited);
                    Text(inherited.Name ?? "");
                    Int(inherited.Descriptor ?? None);
                    break;
                default:
                    throw new NotSupportedException(
                        $"A cluster cannot listen on '{value}' ({value.GetType().Name}): give an IPEndPoint, a UnixDomainSocketEndPoint "
                        + "or an InheritedEndPoint.");
            }
        }

        public void Options(ClusterListenOptions value)
        {
            Int(value.Backlog);
            Bool(value.NoDelay);
            Bool(value.DualMode);
            Int((int)value.KeepAlive.TotalSeconds);
            Int(value.FastOpen);
            Bool(value.Exclusive);
            Int((int?)value.UnixFileMode ?? None);
            Int((int?)value.UnixUser ?? None);
            Int((int?)value.UnixGroup ?? None);
            Bool(value.ReportsState);
            Bytes(value.CrashAnswer.Span);
        }
    }

    private ref struct Reader(ReadOnlySpan<byte> body)
    {
        private ReadOnlySpan<byte> _rest = body;

        public byte Byte() => Take(1)[0];

        public bool Bool() => Byte() != 0;

        public int Int() => BinaryPrimitives.ReadInt32LittleEndian(Take(sizeof(int)));

        public long Long() => BinaryPrimitives.ReadInt64LittleEndian(Take(sizeof(long)));

        public string Text() => Encoding.UTF8.GetString(Take(BinaryPrimitives.ReadUInt16LittleEndian(Take(sizeof(ushort)))));

        public EndPoint EndPoint()
        {
            var family = (AddressFamily)Byte();
            var text = Text();
            if (family == AddressFamily.Unix && UnixPath.TryParse(text, out var path))
                return path;
            if (family == AddressFamily.InterNetwork && IPAddress.TryParse(text, out var address)
                && Int() is >= IPEndPoint.MinPort and <= IPEndPoint.MaxPort and var port)
            {
                return new IPEndPoint(address, port);
            }
            if (family == Inherited && text.Length <= InheritedEndPoint.MaxNameLength
                && Int() is var number && (text.Length > 0 || number >= 0))
            {
                return text.Length > 0 ? new InheritedEndPoint(text) : new InheritedEndPoint(number);
            }
            throw new InvalidDataException($"A control frame has the end point '{text}' of the family {family}, which is none.");
        }

        public ClusterListenOptions Options() => new()
        {
            Backlog = Int(),
            NoDelay = Bool(),
            DualMode = Bool(),
            KeepAlive = TimeSpan.FromSeconds(Int()),
            FastOpen = Int(),
            Exclusive = Bool(),
            UnixFileMode = Int() is not None and var mode ? (UnixFileMode)mode : null,
            UnixUser = Number(),
            UnixGroup = Number(),
            ReportsState = Bool(),
            CrashAnswer = Take(BinaryPrimitives.ReadUInt16LittleEndian(Take(sizeof(ushort)))).ToArray(),
        };

        public readonly void End()
        {
            if (!_rest.IsEmpty)
                throw new InvalidDataException($"A control frame has {_rest.Length} bytes too many.");
        }

        private uint? Number() => Int() is not None and var number ? (uint)number : null;

        private ReadOnlySpan<byte> Take(int count)
        {
            if (count > _rest.Length)
                throw new InvalidDataException($"A control frame ends {count - _rest.Length} bytes too early.");
            var taken = _rest[..count];
            _rest = _rest[count..];
            return taken;
        }
    }
}
