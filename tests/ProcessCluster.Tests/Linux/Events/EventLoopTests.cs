using ProcessCluster.Linux.Events;

namespace ProcessCluster.Tests.Linux.Events;

public sealed class EventLoopTests
{
    [Fact]
    public async Task A_turn_ends_after_its_actions_and_a_fault_there_ends_no_loop()
    {
        var fault = new TaskCompletionSource<Exception>(TaskCreationOptions.RunContinuationsAsynchronously);
        var loop = new EventLoop("test", exception => fault.TrySetResult(exception));
        try
        {
            var acted = false;
            var seen = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
            loop.Post(() =>
            {
                acted = true;
                loop.TurnEnded = () => seen.TrySetResult(acted);
            });
            Assert.True(await seen.Task.WaitAsync(TimeSpan.FromSeconds(20)));

            loop.Post(() => loop.TurnEnded = () => throw new InvalidOperationException("on purpose"));
            Assert.Equal("on purpose", (await fault.Task.WaitAsync(TimeSpan.FromSeconds(20))).Message);
            Assert.Equal(7, loop.Invoke(() => 7));
        }
        finally
        {
            loop.Dispose();
        }
    }
}
