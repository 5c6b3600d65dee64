using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using ProcessCluster.Connections.Readiness;

namespace ProcessCluster.Tests.Connections.Readiness;

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

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task It_is_known_whether_a_wait_was_ended_by_readiness_or_for_nothing(bool isBefore)
    {
        foreach (var (signals, wasWoken) in ((Action[], bool)[])[([_signal.Wake], true), ([_signal.Set], false), ([_signal.Wake, _signal.Set], false), ([_signal.Set, _signal.Wake], false)])
        {
            var wait = isBefore ? null : _signal.WaitAsync().AsTask();
            // Of several only the first ends a wait that is under way, and the next wait is ended by the others.
            foreach (var signal in isBefore ? signals : signals[..1])
                signal();
            Assert.True(await (wait ?? _signal.WaitAsync().AsTask()).WaitAsync(Patience));
            Assert.Equal(isBefore ? wasWoken : signals[0] == _signal.Wake, _signal.WasWoken);
        }
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
    public void One_set_for_each_wait_at_the_same_time_is_never_lost()
    {
        var turn = 0;
        WaitBeside(
            setter: ended =>
            {
                for (var i = 1; !ended(); i++)
                {
                    SpinWait.SpinUntil(() => Volatile.Read(ref turn) == i || ended());
                    Thread.SpinWait(i % 64); // Now before, now within, now after the wait.
                    _signal.Set();
                }
            },
            beforeWait: i => Volatile.Write(ref turn, i));
    }

    [Fact]
    public void Sets_without_end_end_every_wait() => WaitBeside(
        setter: ended =>
        {
            while (!ended())
                _signal.Set();
        },
        beforeWait: _ => { });

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

    /// <summary>Waits many times, for half a second at most, while another thread sets.</summary>
    private void WaitBeside(Action<Func<bool>> setter, Action<int> beforeWait)
    {
        var ended = false;
        Exception? failure = null;
        var thread = new Thread(() =>
        {
            try
            {
                setter(() => Volatile.Read(ref ended));
            }
            catch (Exception exception)
            {
                failure = exception;
            }
        });
        thread.Start();
        try
        {
            var clock = Stopwatch.StartNew();
            for (var i = 1; i <= 100_000 && clock.ElapsedMilliseconds < 500; i++)
            {
                beforeWait(i);
                Assert.True(Wait(_signal), "The signal was closed.");
            }
        }
        finally
        {
            Volatile.Write(ref ended, true);
            Assert.True(thread.Join(Patience));
        }
        Assert.Null(failure);
    }

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
