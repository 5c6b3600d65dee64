using ProcessCluster.Linux.Events;

namespace ProcessCluster.Tests.Linux.Events;

public sealed class LoopTimerTests
{
    [Fact]
    public async Task It_ticks_on_the_loop_again_and_again_until_it_is_stopped()
    {
        using var loop = new EventLoop("timer test", static exception => throw exception);
        using var ticks = new SemaphoreSlim(0);
        var elsewhere = 0;
        var timer = new LoopTimer(loop);
        for (var round = 0; round < 2; round++)
        {
            loop.Invoke(() =>
            {
                timer.Start(TimeSpan.FromMilliseconds(5), () =>
                {
                    elsewhere += loop.IsOnThread ? 0 : 1;
                    ticks.Release();
                });
                return true;
            });
            for (var i = 0; i < 5; i++)
                Assert.True(await ticks.WaitAsync(TimeSpan.FromSeconds(10)), "No tick came.");
            loop.Invoke(() =>
            {
                timer.Stop();
                return true;
            });
            while (ticks.Wait(0))
            {
                // What came before it was stopped.
            }
            Assert.False(await ticks.WaitAsync(TimeSpan.FromMilliseconds(50)));
        }
        Assert.Equal(0, elsewhere);
    }
}
