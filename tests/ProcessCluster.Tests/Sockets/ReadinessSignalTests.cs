using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using ProcessCluster.Sockets;

namespace ProcessCluster.Tests.Sockets;

public sealed class ReadinessSignalTests
{
    private readonly ReadinessSignal _signal = new();

    [Fact]
    public async Task What_was_set_before_the_wait_completes_it_at_once()
    {
        _signal.Set();
        var wait = _signal.WaitAsync().AsTask();
        Assert.True(wait.IsCompleted);
        Assert.True(await wait);
    }

    [Fact]
    public async Task A_wait_completes_when_it_is_set()
    {
        var wait = _signal.WaitAsync().AsTask();
        Assert.False(wait.IsCompleted);
        _signal.Set();
        Assert.True(await wait.WaitAsync(Patience));
    }

    [Fact]
    public async Task Set_many_times_it_completes_one_wait()
    {
        _signal.Set();
        _signal.Set();
        Assert.True(await _signal.WaitAsync());
        Assert.False(_signal.WaitAsync().AsTask().IsCompleted);
    }

    [Fact]
    public async Task It_serves_one_wait_after_another()
    {
        for (var i = 0; i < 100; i++)
        {
            var wait = _signal.WaitAsync().AsTask();
            _signal.Set();
            Assert.True(await wait.WaitAsync(Patience));
        }
    }

    [Fact]
    public async Task Closing_ends_the_wait_and_all_later_ones_with_false()
    {
        var wait = _signal.WaitAsync().AsTask();
        _signal.Close();
        Assert.False(await wait.WaitAsync(Patience));
        Assert.False(await _signal.WaitAsync());
        _signal.Set();
        _signal.Close();
        Assert.False(await _signal.WaitAsync());
    }

    [Fact]
    public async Task Closing_forgets_what_was_set()
    {
        _signal.Set();
        _signal.Close();
        Assert.False(await _signal.WaitAsync());
    }

    [Fact]
    public async Task A_second_waiter_is_refused_and_does_the_first_no_harm()
    {
        var wait = _signal.WaitAsync().AsTask();
        Assert.Throws<InvalidOperationException>(() => { _ = _signal.WaitAsync().AsTask(); });
        _signal.Set();
        Assert.True(await wait.WaitAsync(Patience));
    }

    [Fact]
    public void The_waiter_goes_on_on_the_thread_that_sets()
    {
        int? thread = null;
        var wait = Awaiter(_signal);
        wait.UnsafeOnCompleted(() => thread = Environment.CurrentManagedThreadId);
        _signal.Set();
        Assert.Equal(Environment.CurrentManagedThreadId, thread);
        Assert.True(Result(wait));
    }

    [Fact]
    public void Waiting_allocates_nothing()
    {
        for (var round = 0; round < 2; round++)
        {
            var before = GC.GetAllocatedBytesForCurrentThread();
            for (var i = 0; i < 1_000; i++)
            {
                var wait = Awaiter(_signal);
                _signal.Set();
                Result(wait);
            }
            if (round > 0) // The first round compiles.
                Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        }
    }

    [Fact]
    public void Set_and_wait_at_the_same_time_lose_nothing()
    {
        const int Sets = 100_000;
        var sent = 0;
        var setter = new Thread(() =>
        {
            for (var i = 1; i <= Sets; i++)
            {
                Volatile.Write(ref sent, i);
                _signal.Set();
            }
        });
        setter.Start();
        for (var seen = 0; seen < Sets; seen = Volatile.Read(ref sent))
            Assert.True(Wait(_signal), "The signal was closed.");
        Assert.True(setter.Join(Patience));
    }

    [Fact]
    public void Close_while_others_set_and_wait_ends_the_wait()
    {
        for (var round = 0; round < 300; round++)
        {
            var signal = new ReadinessSignal();
            var setter = new Thread(() =>
            {
                for (var i = 0; i < 50; i++)
                    signal.Set();
                signal.Close();
            });
            setter.Start();
            while (Wait(signal))
                Thread.Yield();
            Assert.True(setter.Join(Patience));
            Assert.False(Wait(signal));
        }
    }

    private static TimeSpan Patience => TimeSpan.FromSeconds(10);

    /// <summary>Waits on this thread, so that it really runs beside the one that sets.</summary>
    private static bool Wait(ReadinessSignal signal)
    {
        var wait = Awaiter(signal);
        Assert.True(SpinWait.SpinUntil(() => wait.IsCompleted, Patience), "A signal was lost.");
        return Result(wait);
    }

    [SuppressMessage("Reliability", "CA2012", Justification = "Asked for its result once, when it has one.")]
    private static ConfiguredValueTaskAwaitable<bool>.ConfiguredValueTaskAwaiter Awaiter(ReadinessSignal signal) =>
        signal.WaitAsync().ConfigureAwait(false).GetAwaiter();

    private static bool Result(ConfiguredValueTaskAwaitable<bool>.ConfiguredValueTaskAwaiter completed) => completed.GetResult();
}
