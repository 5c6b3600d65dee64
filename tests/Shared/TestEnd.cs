namespace ProcessCluster.Testing;

/// <summary>Cancelled when the test is over, also when it has failed: clients that went on would hold up all tests after it.</summary>
internal sealed class TestEnd : CancellationTokenSource
{
    protected override void Dispose(bool disposing)
    {
        if (disposing)
            Cancel();
        base.Dispose(disposing);
    }
}
