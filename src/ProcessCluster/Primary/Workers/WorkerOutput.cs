using System.Text;
using ProcessCluster.Linux.Events;
using ProcessCluster.Linux.Interop;

namespace ProcessCluster.Primary.Workers;

/// <summary>
/// Passes on what a worker writes to a standard stream. It runs on a loop of its own, so that a terminal or a pipe that takes nothing holds up
/// the workers that write to it, as it would without the library, and not the cluster. What a worker wrote before it died is in the pipe.
/// </summary>
internal sealed class WorkerOutput : EventLoop.Watch
{
    private const int TailLines = 20;

    private readonly EventLoop _loop;
    private readonly Descriptor _pipe;
    private readonly OutputLines _lines;
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly OutputTarget? _target;

    private WorkerOutput(EventLoop loop, Descriptor pipe, OutputTarget? target, OutputLines lines)
    {
        _loop = loop;
        _pipe = pipe;
        _target = target;
        _lines = lines;
        try
        {
            Pipe.MakeNonBlocking(pipe);
            loop.Add(this, pipe.Number, EpollEvents.Readable);
        }
        catch
        {
            pipe.Dispose();
            throw;
        }
    }

    /// <summary>Completes at the end of the stream, when all of it has been passed on.</summary>
    public Task Ended => _ended.Task;

    /// <summary>The last lines.</summary>
    public IReadOnlyList<string> Tail => _lines.Tail;

    public static WorkerOutput Errors(OutputRelay relay, Descriptor pipe, ClusterOptions options, int worker) =>
        new(relay.Loop, pipe, options.SuppressOutput ? null : relay.Errors, new OutputLines(TailLines, Prefix(options, worker)));

    public static WorkerOutput Output(OutputRelay relay, Descriptor pipe, ClusterOptions options, int worker) =>
        new(relay.Loop, pipe, relay.Output, new OutputLines(tail: 0, Prefix(options, worker)));

    public override void OnReady(EpollEvents events)
    {
        if (_ended.Task.IsCompleted)
            return;
        Span<byte> buffer = stackalloc byte[16 * 1024];
        // A few times, so that one that writes without end does not hold up the others.
        for (var i = 0; i < 4; i++)
        {
            var read = Pipe.TryRead(_pipe, buffer);
            if (read < 0)
            {
                Show(_lines.Pause());
                _lines.Release();
                return;
            }
            Show(read == 0 ? _lines.End() : _lines.Add(buffer[..read]));
            if (read > 0)
                continue;
            _loop.Remove(this, _pipe.Number);
            _pipe.Dispose();
            _ended.TrySetResult();
            return;
        }
    }

    private static byte[]? Prefix(ClusterOptions options, int worker) =>
        options.WorkerOutputPrefix ? Encoding.ASCII.GetBytes($"[worker {worker}] ") : null;

    // With nobody to read it, it is read on: the worker is not to be held up by that.
    private void Show(ReadOnlySpan<byte> bytes) => _target?.Pass(bytes);
}

/// <summary>The way of the workers' output: the loop that passes it on, and its targets.</summary>
/// <param name="Loop">The loop.</param>
/// <param name="Output">For standard output.</param>
/// <param name="Errors">For standard error.</param>
internal sealed record OutputRelay(EventLoop Loop, OutputTarget Output, OutputTarget Errors);
