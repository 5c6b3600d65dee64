using System.Globalization;
using System.Net.Sockets;
using System.Text;
using System.Text.RegularExpressions;
using Xunit.Sdk;

namespace ProcessCluster.Specs;

/// <summary>What systemd is told of a primary that is its service: here by a socket of the test's.</summary>
public sealed class Systemd
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task The_start_the_reload_and_the_end_are_told_in_their_order(bool isAbstract)
    {
        using var systemd = new FakeSystemd(isAbstract);
        await using var fleet = FleetSpecs.Configured(
            2, "SoakTime 00:00:00.05", _ => TestProcess.Start("driver", ("NOTIFY_SOCKET", systemd.Address)));
        var cluster = fleet.Cluster;
        cluster.Send("start");
        await systemd.Expect("^READY=1$");
        await cluster.Expect("^started at ");
        Assert.Contains("STATUS=2 workers are ready.", systemd.Before("^READY=1$", includingIt: true));

        var before = System.Diagnostics.Stopwatch.GetTimestamp() / 1000; // CLOCK_MONOTONIC, as .NET reads it on Linux: nanoseconds
        cluster.Signal(Signal.SIGHUP);
        var reloading = await systemd.Expect(@"^MONOTONIC_USEC=(\d+)$");
        Assert.InRange(long.Parse(reloading.Groups[1].Value, CultureInfo.InvariantCulture), before, System.Diagnostics.Stopwatch.GetTimestamp() / 1000);
        await systemd.ExpectAll("^READY=1$", 2);
        Assert.Equal(["READY=1", "RELOADING=1", "READY=1"], systemd.Lines.Where(line => line.StartsWith("RE", StringComparison.Ordinal)));

        cluster.Signal(Signal.SIGTERM);
        await systemd.Expect("^STOPPING=1$");
        Assert.Equal(0, await cluster.Exit());
        await systemd.Expect("^STATUS=0 workers are ready.$");
    }

    [Fact]
    public async Task A_reload_that_fails_is_over_too()
    {
        using var systemd = new FakeSystemd(isAbstract: false);
        await using var fleet = FleetSpecs.Configured(1, "", _ => TestProcess.Start("driver", ("NOTIFY_SOCKET", systemd.Address)));
        fleet.Cluster.Send("start");
        await systemd.Expect("^READY=1$");
        fleet.SetVersion("exit 3");
        fleet.Cluster.Signal(Signal.SIGHUP);
        await systemd.Expect("^RELOADING=1$");
        await systemd.ExpectAll("^READY=1$", 2);
    }

    [Fact]
    public async Task Workers_that_come_and_go_are_told_as_a_number()
    {
        using var systemd = new FakeSystemd(isAbstract: false);
        await using var cluster = TestProcess.Start("driver", ("NOTIFY_SOCKET", systemd.Address));
        cluster.Send("fork echo"); // Forked by hand: the first one that is up is the start.
        await systemd.Expect("^READY=1$");
        cluster.Send("fork echo");
        await systemd.Expect("^STATUS=2 workers are ready.$");
        cluster.Send("kill 1 SIGKILL");
        await systemd.ExpectAll("^STATUS=1 workers are ready.$", 2);
        await cluster.Expect("^exited 1 ");
        Assert.Single(systemd.Lines, line => line == "READY=1");
    }

    [MeasuresTime]
    [Fact]
    public async Task Signs_of_life_come_at_half_the_time_and_stop_with_the_primary()
    {
        using var systemd = new FakeSystemd(isAbstract: false);
        await using var cluster = TestProcess.Start("driver", ("NOTIFY_SOCKET", systemd.Address), ("WATCHDOG_USEC", "1000000"));
        cluster.Send("fork echo");
        await cluster.Expect("^listening 1 ");
        var from = systemd.Lines.Count(line => line == "WATCHDOG=1");
        var watch = System.Diagnostics.Stopwatch.StartNew();
        await systemd.ExpectAll("^WATCHDOG=1$", from + 5);
        Assert.InRange(watch.Elapsed.TotalSeconds, 1.9, 8); // Five of half a second each, the first one perhaps at once.

        // A primary that does not run gives none: the socket is told that nothing comes within twice the time.
        await TestProcess.Stop(cluster.Id);
        await Task.Delay(200); // What was sent before.
        var stopped = systemd.Lines.Count;
        await Task.Delay(1200);
        Assert.Equal(stopped, systemd.Lines.Count);
        cluster.Signal(Signal.SIGCONT);
        await systemd.ExpectAll("^WATCHDOG=1$", from + 6);
    }

    [Fact]
    public async Task A_watchdog_that_is_another_processs_is_none()
    {
        using var systemd = new FakeSystemd(isAbstract: false);
        await using var cluster = TestProcess.Start(
            "driver", ("NOTIFY_SOCKET", systemd.Address), ("WATCHDOG_USEC", "20000"), ("WATCHDOG_PID", "1"));
        cluster.Send("fork echo");
        await systemd.Expect("^READY=1$");
        cluster.Send("fork echo");
        await systemd.Expect("^STATUS=2 workers are ready.$");
        Assert.DoesNotContain("WATCHDOG=1", systemd.Lines);
    }

    [Fact]
    public async Task A_systemd_that_is_not_there_is_a_warning_and_nothing_else()
    {
        await using var cluster = TestProcess.Start("driver", ("NOTIFY_SOCKET", "/nowhere/notify"), ("WATCHDOG_USEC", "20000"));
        cluster.Send("fork echo");
        await cluster.Expect("^listening 1 ");
        await cluster.ExpectError("systemd could not be told '.*' over NOTIFY_SOCKET: .*The cluster goes on.");
        cluster.Send("disconnect");
        await cluster.Expect("^all gone, 0 left$");
        Assert.Equal(1, cluster.Errors.Split("could not be told").Length - 1);
    }

    /// <summary>The socket that systemd listens on, with what came.</summary>
    private sealed class FakeSystemd : IDisposable
    {
        private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("pc-notify-");
        private readonly Socket _socket = new(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
        private readonly List<string> _lines = [];
        private readonly Task _receiving;
        private TaskCompletionSource _news = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public FakeSystemd(bool isAbstract)
        {
            var name = $"pc-{Guid.NewGuid():N}";
            Address = isAbstract ? $"@{name}" : Path.Combine(_directory.FullName, "notify");
            _socket.Bind(new UnixDomainSocketEndPoint(isAbstract ? $"\0{name}" : Address));
            _receiving = ReceiveAsync();
        }

        public string Address { get; }

        /// <summary>All that came: a message may have several.</summary>
        public IReadOnlyList<string> Lines
        {
            get
            {
                lock (_lines)
                    return [.. _lines];
            }
        }

        /// <summary>What came before a line, and what came with it.</summary>
        public IReadOnlyList<string> Before(string pattern, bool includingIt) =>
            [.. Lines.Take(Lines.ToList().FindIndex(line => Regex.IsMatch(line, pattern)) + (includingIt ? 2 : 0))];

        public async Task<Match> Expect(string pattern) => (await ExpectAll(pattern, 1))[0];

        public async Task<IReadOnlyList<Match>> ExpectAll(string pattern, int count)
        {
            using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(30));
            while (true)
            {
                var news = Volatile.Read(ref _news).Task;
                var found = Lines.Select(line => Regex.Match(line, pattern)).Where(match => match.Success).ToList();
                if (found.Count >= count)
                    return found;
                try
                {
                    await news.WaitAsync(deadline.Token);
                }
                catch (OperationCanceledException)
                {
                    throw new XunitException($"Not in time: {count} × /{pattern}/. What came: {string.Join(" | ", Lines)}");
                }
            }
        }

        public void Dispose()
        {
            _socket.Dispose();
            _receiving.Wait(TimeSpan.FromSeconds(5));
            _directory.Delete(recursive: true);
        }

        private async Task ReceiveAsync()
        {
            var buffer = new byte[8192];
            try
            {
                while (true)
                {
                    var length = await _socket.ReceiveAsync(buffer);
                    lock (_lines)
                        _lines.AddRange(Encoding.UTF8.GetString(buffer, 0, length).Split('\n'));
                    Interlocked.Exchange(ref _news, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).SetResult();
                }
            }
            catch (SocketException)
            {
                return; // The end.
            }
            catch (ObjectDisposedException)
            {
                return; // The end.
            }
        }
    }
}
