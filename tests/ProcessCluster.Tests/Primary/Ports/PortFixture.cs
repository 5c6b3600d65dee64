using System.Net;
using System.Net.Sockets;
using ProcessCluster.Diagnostics;
using ProcessCluster.Linux.Events;
using ProcessCluster.Primary.Ports;
using ProcessCluster.Primary.Workers;
using ProcessCluster.Protocol;
using ProcessCluster.Tests.Primary.Workers;

namespace ProcessCluster.Tests.Primary.Ports;

/// <summary>A table of ports on a loop of its own, with workers that have no process. Its clocks tick when the test says so.</summary>
internal sealed class PortFixture : IDisposable
{
    /// <summary>An end point with any port.</summary>
    public static readonly IPEndPoint Any = new(IPAddress.Loopback, 0);

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private readonly EventLoop _loop = new("ports test", static exception => Environment.FailFast("loop", exception));
    private readonly List<TestTimer> _timers = [];
    private readonly List<TestWorker> _workers = [];
    private readonly List<IDisposable> _clients = [];
    private readonly ClusterMetrics _metrics = new();
    private readonly PortTable _table;
    private int _lastRequest;

    public PortFixture()
    {
        _table = new PortTable(_loop, NewTimer, Time, Logger, (worker, fault) => Faults.Add($"{worker.Id}: {fault}"), _metrics);
        Do(() => _loop.TurnEnded = _table.EndTurn);
    }

    public FakeTime Time { get; } = new();

    public RecordingLogger Logger { get; } = new();

    /// <summary>Gets what was wrong with workers.</summary>
    public List<string> Faults { get; } = [];

    /// <summary>Gets the clock of what waits, and the one of what is held.</summary>
    public TestTimer Clock => _timers[0];

    public TestTimer HoldClock => _timers[1];

    public int Waiting => _table.Waiting;

    /// <summary>Does something on the loop.</summary>
    public void Do(Action action) => Do(() =>
    {
        action();
        return true;
    });

    /// <inheritdoc cref="Do(Action)"/>
    public T Do<T>(Func<T> function) => _loop.Invoke(function);

    public T Do<T>(Func<PortTable, T> function) => _loop.Invoke(() => function(_table));

    public void Do(Action<PortTable> action) => Do(() => action(_table));

    /// <summary>Has the loop handle whatever has happened: the second call comes a turn after the first.</summary>
    public void Turn()
    {
        Do(static () => { });
        Do(static () => { });
    }

    /// <summary>Turns the loop until this is so.</summary>
    public void Until(Func<bool> condition) => Assert.True(
        SpinWait.SpinUntil(
            () =>
            {
                Turn();
                return condition();
            },
            Patience),
        "It did not come to it in time.");

    /// <summary>Lets time pass, and the clock tick at its end if it runs.</summary>
    public void Pass(TimeSpan time)
    {
        Time.Advance(time, static () => { });
        Do(() => Clock.Tick());
        Turn();
    }

    /// <summary>Adds a worker.</summary>
    public TestWorker NewWorker(Action<ClusterOptions>? configure = null)
    {
        var options = new ClusterOptions();
        configure?.Invoke(options);
        var worker = new TestWorker(_loop, _workers.Count + 1, options);
        _workers.Add(worker);
        Do(table => table.Add(worker.Handle));
        return worker;
    }

    /// <summary>Asks for an end point, as a worker. Returns the answer; null when a socket is on its way.</summary>
    public ControlMessage? Ask(TestWorker worker, EndPoint endPoint, ClusterListenOptions? options = null) =>
        Do(table => table.Bind(worker.Handle, new ControlMessage.Listen(++_lastRequest, endPoint, options ?? new ClusterListenOptions())));

    /// <inheritdoc cref="Ask(TestWorker, EndPoint, ClusterListenOptions?)"/>
    public ControlMessage? AskUdp(TestWorker worker, EndPoint endPoint, bool dualMode = false) =>
        Do(table => table.Bind(worker.Handle, new ControlMessage.BindUdp(++_lastRequest, endPoint, dualMode, false, 0, 0)));

    /// <summary>Asks for an end point, and gets it.</summary>
    public ControlMessage.Bound Bind(TestWorker worker, EndPoint endPoint, ClusterListenOptions? options = null) =>
        Assert.IsType<ControlMessage.Bound>(Ask(worker, endPoint, options));

    /// <summary>Asks for an end point, and is refused.</summary>
    public ControlMessage.NotBound Refusal(TestWorker worker, EndPoint endPoint, ClusterListenOptions? options = null) =>
        Assert.IsType<ControlMessage.NotBound>(Ask(worker, endPoint, options));

    /// <summary>Has the worker listen and get connections.</summary>
    public ControlMessage.Bound Serve(TestWorker worker, EndPoint endPoint, ClusterListenOptions? options = null)
    {
        var bound = Bind(worker, endPoint, options);
        Assert.NotNull(Do(table => table.StartListening(worker.Handle, bound.Port)));
        Do(table => table.Admit(worker.Handle));
        return bound;
    }

    /// <summary>Has the worker leave.</summary>
    public void Leave(TestWorker worker) => Do(table =>
    {
        worker.Handle.Life = worker.Handle.Life with { LeaveWanted = true };
        table.StopOffering(worker.Handle);
    });

    /// <summary>The worker's process is gone.</summary>
    public void End(TestWorker worker)
    {
        worker.LetGo();
        Do(table => table.Remove(worker.Handle));
    }

    /// <summary>Connects a client.</summary>
    public Socket Connect(EndPoint endPoint)
    {
        var client = new Socket(endPoint.AddressFamily, SocketType.Stream, ProtocolType.Unspecified);
        _clients.Add(client);
        client.Connect(endPoint);
        return client;
    }

    /// <summary>Returns whether nobody listens there.</summary>
    public bool IsRefused(EndPoint endPoint)
    {
        try
        {
            Connect(endPoint);
            return false;
        }
        catch (SocketException exception)
        {
            return exception.SocketErrorCode is SocketError.ConnectionRefused or SocketError.AddressNotAvailable;
        }
    }

    /// <summary>Waits for the next offer to the worker.</summary>
    public TestWorker.Offer Offer(TestWorker worker)
    {
        TestWorker.Offer? offer = null;
        Until(() => (offer = worker.TryTake()) is not null);
        return offer!;
    }

    /// <summary>Reads what the client gets, up to the end of the connection.</summary>
    public string ReadToEnd(Socket client)
    {
        var received = "";
        client.Blocking = false;
        Until(() =>
        {
            var buffer = new byte[1024];
            try
            {
                var count = client.Receive(buffer);
                received += System.Text.Encoding.ASCII.GetString(buffer, 0, count);
                return count == 0;
            }
            catch (SocketException exception) when (exception.SocketErrorCode == SocketError.WouldBlock)
            {
                return false; // Later.
            }
            catch (SocketException exception) when (exception.SocketErrorCode == SocketError.ConnectionReset)
            {
                received += "(reset)";
                return true;
            }
        });
        return received;
    }

    public void Dispose()
    {
        Do(() => _loop.TurnEnded = null);
        foreach (var worker in _workers)
            End(worker);
        Do(table => table.Clear());
        _workers.ForEach(static worker => worker.Dispose());
        _clients.ForEach(static client => client.Dispose());
        _metrics.Dispose();
        _loop.Dispose();
    }

    private TestTimer NewTimer()
    {
        var timer = new TestTimer();
        _timers.Add(timer);
        return timer;
    }
}

/// <summary>A timer that ticks when it is told to.</summary>
internal sealed class TestTimer : ILoopTimer
{
    private Action? _tick;

    /// <summary>Gets how often it was started.</summary>
    public int Starts { get; private set; }

    /// <summary>Gets the interval; zero while it does not run.</summary>
    public TimeSpan Interval { get; private set; }

    public bool IsRunning => Interval > TimeSpan.Zero;

    public void Start(TimeSpan interval, Action tick)
    {
        Interval = interval;
        _tick = tick;
        Starts++;
    }

    public void Stop() => Interval = TimeSpan.Zero;

    /// <summary>Ticks, if it runs.</summary>
    public void Tick()
    {
        if (IsRunning)
            _tick!();
    }
}
