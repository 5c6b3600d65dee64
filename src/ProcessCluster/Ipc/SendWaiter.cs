namespace ProcessCluster.Ipc;

/// <summary>A message whose sender waits for room. It is sent, given up, or failed: exactly one of them.</summary>
internal sealed class SendWaiter(ReadOnlySpan<byte> frame)
{
    private readonly TaskCompletionSource<bool> _sent = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private byte[]? _frame = frame.ToArray();

    /// <summary>True when it is on its way, false when the outbox was closed before.</summary>
    public Task<bool> Sent => _sent.Task;

    /// <summary>Whether nobody waits any more.</summary>
    public bool IsOver => Volatile.Read(ref _frame) is null;

    /// <summary>Takes the frame to send it; false when it was given up.</summary>
    public bool TrySend(out byte[] frame)
    {
        frame = Interlocked.Exchange(ref _frame, null) ?? [];
        return frame.Length > 0 && _sent.TrySetResult(true);
    }

    /// <summary>Gives it up; false when it is on its way already.</summary>
    public bool TryGiveUp() => Interlocked.Exchange(ref _frame, null) is not null;

    public void Fail()
    {
        if (Interlocked.Exchange(ref _frame, null) is not null)
            _sent.TrySetResult(false);
    }
}
