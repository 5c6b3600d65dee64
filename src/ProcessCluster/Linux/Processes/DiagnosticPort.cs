using System.Buffers.Binary;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;
using ProcessCluster.Linux.Interop;

namespace ProcessCluster.Linux.Processes;

/// <summary>
/// The socket on which the .NET runtime of another process takes commands (the runtime's documentation, "Diagnostic IPC Protocol"). A thread of the runtime answers, which no program
/// can hold up. Anybody can put a socket under its name into a folder for temporary files, so that who listens is asked of the kernel, on the connection itself.
/// </summary>
internal static class DiagnosticPort
{
    private const int HeaderBytes = 20, MaxAnswer = 64 * 1024;
    private const byte DumpCommands = 1, WriteDump = 1, ProcessCommands = 4, ProcessInfo = 0, Server = 0xFF, Refused = 0xFF;
    private const uint WithHeap = 2;

    private static ReadOnlySpan<byte> Magic => "DOTNET_IPC_V1\0"u8;

    /// <summary>Completes when the runtime has answered.</summary>
    /// <exception cref="IOException">It did not, or what listens there is not the process.</exception>
    public static Task PingAsync(int processId, string path, CancellationToken cancellationToken) =>
        AskAsync(processId, path, ProcessCommands, ProcessInfo, [], cancellationToken);

    /// <summary>Has the runtime write a dump of its process, with the heap. Completes when it is written.</summary>
    /// <inheritdoc cref="PingAsync"/>
    public static Task WriteDumpAsync(int processId, string path, string dump, CancellationToken cancellationToken)
    {
        // The length in characters, with the null at the end; the path; the type; no flags.
        var text = Encoding.Unicode.GetBytes(dump + '\0');
        var payload = new byte[4 + text.Length + 8];
        BinaryPrimitives.WriteInt32LittleEndian(payload, dump.Length + 1);
        text.CopyTo(payload, 4);
        BinaryPrimitives.WriteUInt32LittleEndian(payload.AsSpan(4 + text.Length), WithHeap);
        return AskAsync(processId, path, DumpCommands, WriteDump, payload, cancellationToken);
    }

    private static async Task AskAsync(int processId, string path, byte commands, byte command, byte[] payload, CancellationToken cancellationToken)
    {
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), cancellationToken).ConfigureAwait(false);
            ThrowUnlessOf(processId, socket, path);
            var question = new byte[HeaderBytes + payload.Length];
            Magic.CopyTo(question);
            BinaryPrimitives.WriteUInt16LittleEndian(question.AsSpan(14), (ushort)question.Length);
            (question[16], question[17]) = (commands, command);
            payload.CopyTo(question, HeaderBytes);
            for (var sent = 0; sent < question.Length;)
                sent += await socket.SendAsync(question.AsMemory(sent), cancellationToken).ConfigureAwait(false);

            var header = await ReadAsync(socket, HeaderBytes, cancellationToken).ConfigureAwait(false);
            var length = BinaryPrimitives.ReadUInt16LittleEndian(header.AsSpan(14)) - HeaderBytes;
            if (!header.AsSpan().StartsWith(Magic) || header[16] != Server || length is < 0 or > MaxAnswer)
                throw new IOException($"The runtime of process {processId} gave an answer that is none.");
            var answer = await ReadAsync(socket, length, cancellationToken).ConfigureAwait(false);
            if (header[17] == Refused)
                throw new IOException($"The runtime of process {processId} refused: error 0x{(length >= 4 ? BinaryPrimitives.ReadUInt32LittleEndian(answer) : 0):X8}.");
        }
        catch (Exception exception) when (exception is SocketException or ArgumentException)
        {
            throw new IOException($"The runtime of process {processId} could not be reached at '{path}': {exception.Message}", exception);
        }
    }

    /// <summary>The kernel remembers who began to listen (<c>SO_PEERCRED</c>, <c>man 7 unix</c>).</summary>
    private static void ThrowUnlessOf(int processId, Socket socket, string path)
    {
        Span<byte> value = stackalloc byte[Marshal.SizeOf<Libc.Credentials>()];
        socket.GetRawSocketOption(Libc.SOL_SOCKET, Libc.SO_PEERCRED, value);
        var listener = MemoryMarshal.Read<Libc.Credentials>(value);
        if (listener.ProcessId != processId)
            throw new IOException($"'{path}' is not the socket of process {processId}: process {listener.ProcessId} of user {listener.User} listens there.");
    }

    private static async Task<byte[]> ReadAsync(Socket socket, int length, CancellationToken cancellationToken)
    {
        var buffer = new byte[length];
        for (var read = 0; read < length;)
        {
            var more = await socket.ReceiveAsync(buffer.AsMemory(read), cancellationToken).ConfigureAwait(false);
            if (more == 0)
                throw new IOException("The runtime has closed the connection without an answer.");
            read += more;
        }
        return buffer;
    }
}
