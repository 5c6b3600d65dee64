using System.Buffers.Binary;

namespace ProcessCluster.Protocol;

/// <summary>The kind of a frame. Below <see cref="Message"/> it is a control message (<see cref="ControlCodec"/>).</summary>
internal enum FrameKind : byte
{
    /// <summary>The first kind that is not a control message: a message, with a correlation number if the sender wants to know that it got on.</summary>
    Message = 32,

    Request = 33,

    /// <summary>The answer to a request, or that a message got on.</summary>
    Answer = 34,

    /// <summary>Instead of an answer: why there is none.</summary>
    Failure = 35,

    /// <summary>The requester does not wait any more.</summary>
    Cancel = 36,

    /// <summary>So many bytes of messages and requests were handled; as many more may be sent.</summary>
    Credit = 37,

    /// <summary>Something about a type of message, see <see cref="FrameCode"/>.</summary>
    Notice = 38,
}

/// <summary>The meaning of a failure or a notice.</summary>
internal enum FrameCode : ushort
{
    None = 0,

    /// <summary>Failure: the handler threw.</summary>
    HandlerThrew = 1,

    /// <summary>Failure: nobody handles it. Notice: as many as may be kept are, send no more.</summary>
    NoHandler = 2,

    /// <summary>Failure: the worker that it was meant for is gone or was never there.</summary>
    Gone = 3,

    /// <summary>Failure and notice: it could not be read.</summary>
    Unreadable = 4,

    /// <summary>Notice: it is handled now.</summary>
    HandlerReady = 5,

    /// <summary>Failure: the handler ended because the requester gave up.</summary>
    Cancelled = 6,

    /// <summary>Failure: the requester has too many requests to other workers that are not answered.</summary>
    TooMany = 7,
}

/// <summary>
/// The fixed beginning of every frame that carries a message or belongs to one: 20 bytes, the length of what follows the first four
/// included. Then comes the name of the type, in UTF-8, then the body.
/// </summary>
internal readonly record struct FrameHeader(
    int BodyLength, FrameKind Kind, byte NameLength, FrameCode Code, int Target, int Source, uint Correlation)
{
    /// <summary>Bytes of a header.</summary>
    public const int Size = 20;

    public const int MaxName = byte.MaxValue;

    /// <summary>The number under which the primary sends and is sent to.</summary>
    public const int Primary = 0;

    /// <summary>All workers but the sender.</summary>
    public const int Everyone = -1;

    /// <summary>Of the whole frame.</summary>
    public int Length => Size + NameLength + BodyLength;

    public int BodyStart => Size + NameLength;

    public void Write(Span<byte> frame)
    {
        BinaryPrimitives.WriteInt32LittleEndian(frame, Length - sizeof(int));
        frame[4] = (byte)Kind;
        frame[5] = NameLength;
        BinaryPrimitives.WriteUInt16LittleEndian(frame[6..], (ushort)Code);
        BinaryPrimitives.WriteInt32LittleEndian(frame[8..], Target);
        BinaryPrimitives.WriteInt32LittleEndian(frame[12..], Source);
        BinaryPrimitives.WriteUInt32LittleEndian(frame[16..], Correlation);
    }

    /// <summary>Returns whether a frame is the program's: a message, a request, or the end of one.</summary>
    public static bool IsProgram(ReadOnlySpan<byte> frame) =>
        frame.Length >= Size && (FrameKind)frame[4] is >= FrameKind.Message and <= FrameKind.Failure;

    /// <exception cref="InvalidDataException">It is not the beginning of such a frame.</exception>
    public static FrameHeader Read(ReadOnlySpan<byte> frame)
    {
        var length = BinaryPrimitives.ReadInt32LittleEndian(frame) + sizeof(int);
        var (kind, name) = ((FrameKind)frame[4], frame[5]);
        if (kind is < FrameKind.Message or > FrameKind.Notice)
            throw new InvalidDataException($"A frame has the unknown kind {(byte)kind}.");
        if (length < Size + name)
            throw new InvalidDataException($"A {kind} frame has {length} bytes, fewer than its own beginning and its name.");
        return new FrameHeader(
            length - Size - name,
            kind,
            name,
            (FrameCode)BinaryPrimitives.ReadUInt16LittleEndian(frame[6..]),
            BinaryPrimitives.ReadInt32LittleEndian(frame[8..]),
            BinaryPrimitives.ReadInt32LittleEndian(frame[12..]),
            BinaryPrimitives.ReadUInt32LittleEndian(frame[16..]));
    }
}
