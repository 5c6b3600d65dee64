namespace ProcessCluster.Messaging.Links;

/// <summary>A message whose sender waits for room. It is sent, given up, or failed: exactly one of them.</summary>
internal sealed class SendWaiter(FrameBytes frame)
{
    private readonly TaskCompletionSource<bool> _sent = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _isOver;

    /// <summary>True when it is on its way, false when the outbox was closed before.</summary>
    public Task<bool> Sent => _sent.Task;

    /// <summary>Gets whether nobody waits any more.</summary>
    public bool IsOver => Volatile.Read(ref _isOver) != 0;

    /// <summary>Takes the frame to send it; false when it was given up.</summary>
    public bool TrySend(out FrameBytes taken)
    {
        taken = TryEnd() ? frame : default;
        return taken.Array is not null && _sent.TrySetResult(true);
    }

    /// <summary>Gives it up; false when it is on its way already.</summary>
    public bool TryGiveUp()
    {
        if (!TryEnd())
            return false;
        frame.Return();
        return true;
    }

    public void Fail()
    {
        if (TryGiveUp())
            _sent.TrySetResult(false);
    }

    private bool TryEnd() => Interlocked.Exchange(ref _isOver, 1) == 0;
}
