using System.IO.Pipelines;
using System.Runtime.CompilerServices;

namespace ProcessCluster.AspNetCore.Tests;

/// <summary>The work that a process has to do, in any order: the continuations of its pipes, its program, its events and timers.</summary>
internal sealed class Steps(Random random) : PipeScheduler
{
    private readonly List<(Action<object?> Action, object? State)> _ready = [];

    public override void Schedule(Action<object?> action, object? state) => _ready.Add((action, state));

    public void Schedule(Action action) => Schedule(static state => ((Action)state!)(), action);

    /// <summary>Runs one of them. Returns false when there is none.</summary>
    public bool TryRunOne()
    {
        if (_ready.Count == 0)
            return false;
        var index = random.Next(_ready.Count);
        var (action, state) = _ready[index];
        _ready[index] = _ready[^1];
        _ready.RemoveAt(_ready.Count - 1);
        action(state);
        return true;
    }

    /// <summary>Awaits the next turn: others may have theirs before it.</summary>
    public Turn Next() => new(this);

    public readonly struct Turn(Steps steps) : ICriticalNotifyCompletion
    {
        public bool IsCompleted => false;

        public Turn GetAwaiter() => this;

        public void GetResult()
        {
        }

        public void OnCompleted(Action continuation) => steps.Schedule(continuation);

        public void UnsafeOnCompleted(Action continuation) => steps.Schedule(continuation);
    }

    /// <summary>A clock whose timers may fire at any time.</summary>
    public sealed class Clock(Steps steps) : TimeProvider
    {
        public override long GetTimestamp() => 0;

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            steps.Schedule(() => callback(state));
            return new OneShot();
        }

        private sealed class OneShot : ITimer
        {
            public bool Change(TimeSpan dueTime, TimeSpan period) => throw new NotSupportedException("A timer that is changed.");

            public void Dispose()
            {
            }

            public ValueTask DisposeAsync() => ValueTask.CompletedTask;
        }
    }
}
