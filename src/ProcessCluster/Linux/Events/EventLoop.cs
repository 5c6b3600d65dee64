using System.Collections.Concurrent;

namespace ProcessCluster.Linux.Events;

/// <summary>
/// One thread that waits for descriptors to become ready and for work posted to it. In the primary it owns all state of the
/// cluster, in a worker it tells connections that they are readable or writable. It is not a thread of the pool, so that it runs
/// however busy the pool is.
/// </summary>
internal sealed class EventLoop : IDisposable
{
    private readonly Epoll _epoll = new();
    private readonly ConcurrentQueue<Action> _posted = new();
    private readonly Action<Exception> _failed;
    private readonly Lock _gate = new();
    private readonly Stack<int> _free = new();
    private readonly Thread _thread;
    private Watch?[] _watches = new Watch?[64];
    private int _used;
    private int _wakePending;
    private volatile bool _ended;

    /// <param name="name">The thread's name.</param>
    /// <param name="failed">Told of an exception that a watch or a posted action let out; the loop goes on.</param>
    public EventLoop(string name, Action<Exception> failed)
    {
        _failed = failed;
        _thread = new Thread(Run) { Name = name, IsBackground = true };
        _thread.UnsafeStart();
    }

    /// <summary>Gets or sets the action that ends each turn: when events and posted actions were handled, before the loop waits again.</summary>
    public Action? TurnEnded { get; set; }

    /// <summary>Something with a descriptor that the loop watches.</summary>
    internal abstract class Watch
    {
        internal ulong Token { get; set; } = ulong.MaxValue;

        /// <summary>Called on the loop's thread. It must not block.</summary>
        public abstract void OnReady(EpollEvents events);
    }

    /// <summary>Code on the loop's thread that awaits goes on there.</summary>
    private sealed class Context(EventLoop loop) : SynchronizationContext
    {
        public override void Post(SendOrPostCallback d, object? state) => loop.Post(() => d(state));

        public override void Send(SendOrPostCallback d, object? state) => loop.Invoke(() =>
        {
            d(state);
            return true;
        });
    }

    public bool IsOnThread => Thread.CurrentThread == _thread;

    /// <summary>Starts to watch. The watch must be removed before its descriptor is closed.</summary>
    public void Add(Watch watch, int descriptor, EpollEvents events)
    {
        lock (_gate)
        {
            if (!_free.TryPop(out var index))
            {
                index = _used++;
                if (index == _watches.Length)
                    Array.Resize(ref _watches, index * 2);
            }
            _watches[index] = watch;
            watch.Token = (ulong)index;
        }
        try
        {
            _epoll.Add(descriptor, events, watch.Token);
        }
        catch
        {
            Forget(watch);
            throw;
        }
    }

    public void Change(Watch watch, int descriptor, EpollEvents events) => _epoll.Change(descriptor, events, watch.Token);

    /// <summary>
    /// Stops watching. An event that is on its way may still be delivered once, to this watch or to the one that got its slot: both
    /// have to take a readiness that is none for what it is.
    /// </summary>
    public void Remove(Watch watch, int descriptor)
    {
        _epoll.Remove(descriptor);
        Forget(watch);
    }

    /// <summary>Has the action run on the loop's thread, after those posted before. May be called from any thread.</summary>
    public void Post(Action action)
    {
        _posted.Enqueue(action);
        if (Interlocked.Exchange(ref _wakePending, 1) == 0 && !_ended)
            _epoll.Wake();
    }

    /// <summary>Runs the function on the loop's thread and gives its result, or throws what it threw. Nothing on the loop blocks, so this needs no deadline.</summary>
    public T Invoke<T>(Func<T> function)
    {
        if (IsOnThread)
            return function();
        var completion = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        Post(() =>
        {
            try
            {
                completion.SetResult(function());
            }
            catch (Exception exception)
            {
                completion.SetException(exception); // It belongs to the caller, whatever it is.
            }
        });
        return completion.Task.GetAwaiter().GetResult();
    }

    /// <summary>Ends the thread after the work that was posted before. Descriptors stay open.</summary>
    public void Dispose() => Post(() => _ended = true);

    /// <summary>
    /// As <see cref="Remove"/>, without a system call, for a descriptor that is about to be closed: the kernel stops with its last copy.
    /// </summary>
    public void Forget(Watch watch)
    {
        lock (_gate)
        {
            var index = (int)watch.Token;
            if (_watches[index] == watch)
            {
                _watches[index] = null;
                _free.Push(index);
            }
        }
    }

    private void Run()
    {
        SynchronizationContext.SetSynchronizationContext(new Context(this));
        Span<Epoll.Ready> ready = new Epoll.Ready[256];
        while (!_ended)
        {
            var count = _epoll.Wait(ready, -1);
            for (var i = 0; i < count; i++)
            {
                var watch = Volatile.Read(ref _watches)[(int)ready[i].Token];
                if (watch is null)
                    continue;
                try
                {
                    watch.OnReady(ready[i].Events);
                }
                catch (Exception exception)
                {
                    _failed(exception); // One connection's or worker's failure must not end the others.
                }
            }
            RunPosted();
            EndTurn();
        }
        _epoll.Dispose();
    }

    private void EndTurn()
    {
        try
        {
            TurnEnded?.Invoke();
        }
        catch (Exception exception)
        {
            _failed(exception);
        }
    }

    private void RunPosted()
    {
        Volatile.Write(ref _wakePending, 0);
        Interlocked.MemoryBarrier();
        // Not more than there is now: who posts again and again must not keep the loop from its descriptors.
        for (var left = _posted.Count; left > 0 && !_ended && _posted.TryDequeue(out var action); left--)
        {
            try
            {
                action();
            }
            catch (Exception exception)
            {
                _failed(exception);
            }
        }
    }
}
