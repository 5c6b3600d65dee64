using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace ProcessCluster.Specs;

/// <summary>How a worker listens: for itself, with options of TCP, with the permissions of a file; and what it gets for an end point that cannot be.</summary>
[System.Runtime.Versioning.SupportedOSPlatform("linux")]
public sealed class ListeningOptions : IDisposable
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("pc-listen-");

    private string SocketPath => Path.Combine(_directory.FullName, "app.sock");

    public void Dispose() => _directory.Delete(recursive: true);

    [Fact]
    public async Task Exclusive_port_0_is_a_port_of_its_own_for_each_worker_and_closes_with_it()
    {
        await using var cluster = TestProcess.Start("driver");
        cluster.Send("fork echo OPTIONS=Exclusive=true");
        cluster.Send("fork echo OPTIONS=Exclusive=true");
        cluster.Send("fork echo");
        var ports = await Task.WhenAll(Enumerable.Range(1, 3).Select(worker => PortOf(cluster, worker)));
        Assert.Equal(3, ports.Distinct().Count());
        for (var i = 0; i < 6; i++)
            Assert.Equal(await cluster.ProcessOf((i % 3) + 1), await Client.Ask(ports[i % 3]));

        cluster.Send("kill 1 SIGKILL");
        await cluster.Expect("^exited 1 ");
        await ExpectRefused(ports[0]);
        cluster.Send("disconnect 2");
        await cluster.Expect("^gone 2$");
        await ExpectRefused(ports[1]);
        Assert.Equal(await cluster.ProcessOf(3), await Client.Ask(ports[2]));
    }

    [Theory]
    [InlineData("OPTIONS=Exclusive=true", "OPTIONS=Exclusive=true")]
    [InlineData("OPTIONS=Exclusive=true", "OPTIONS=Exclusive=false")]
    [InlineData("OPTIONS=Exclusive=false", "OPTIONS=Exclusive=true")]
    public async Task An_exclusive_end_point_and_another_users_of_it_exclude_each_other(string first, string second)
    {
        foreach (var where in (string[])[$"127.0.0.1:{Client.FreePort()}", SocketPath, $"abstract:pc-{Guid.NewGuid():N}.sock"])
        {
            await using var cluster = TestProcess.Start("driver");
            cluster.Send($"fork echo LISTEN={where} {first}");
            await cluster.Expect("^listening 1 ");
            cluster.Send($"fork listen-and-catch LISTEN={where} {second}");
            await cluster.Expect("^caught AddressAlreadyInUse: ");

            // It is free when its worker is gone.
            cluster.Send("kill 1 SIGKILL");
            await cluster.Expect("^exited 1 ");
            if (first.EndsWith("true", StringComparison.Ordinal))
            {
                cluster.Send($"fork echo LISTEN={where} {second}");
                await cluster.Expect("^listening 3 ");
            }
        }
    }

    [Theory]
    [InlineData("SharedListener", "", "OPTIONS=Exclusive=true")]
    [InlineData("SharedListener", "OPTIONS=Exclusive=true", "")]
    [InlineData("ReusePort", "", "OPTIONS=Exclusive=true")]
    [InlineData("ReusePort", "OPTIONS=Exclusive=true", "")]
    public async Task They_exclude_each_other_in_every_mode(string mode, string first, string second)
    {
        var where = $"127.0.0.1:{Client.FreePort()}";
        await using var cluster = TestProcess.Start("driver");
        cluster.Send($"configure Mode {mode}");
        cluster.Send($"fork echo LISTEN={where} {first}".TrimEnd());
        await cluster.Expect("^listening 1 ");
        cluster.Send($"fork listen-and-catch LISTEN={where} {second}".TrimEnd());
        await cluster.Expect("^caught AddressAlreadyInUse: ");
        Assert.Equal(await cluster.ProcessOf(1), await Client.Ask(IPEndPoint.Parse(where)));
    }

    [Theory]
    [InlineData("Handoff")]
    [InlineData("SharedListener")]
    [InlineData("ReusePort")]
    public async Task Keep_alive_and_no_delay_are_the_accepted_connections(string mode)
    {
        await using var cluster = TestProcess.Start("driver");
        cluster.Send($"configure Mode {mode}");
        cluster.Send("fork say-options OPTIONS=KeepAlive=00:02:03");
        cluster.Send("fork say-options OPTIONS=KeepAlive=00:00:00;NoDelay=false;Exclusive=true");
        foreach (var worker in (int[])[1, 2])
        {
            using var client = Client.Connectable(await PortOf(cluster, worker));
            await client.ConnectAsync(await PortOf(cluster, worker));
        }
        await cluster.Expect("^keep-alive 1 after 123 no-delay True$");
        await cluster.Expect(@"^keep-alive 0 after \d+ no-delay False$");
    }

    [Theory]
    [InlineData(1, false)]
    [InlineData(512, true)]
    public async Task The_backlog_is_the_kernels(int backlog, bool all)
    {
        await using var cluster = TestProcess.Start("driver");
        cluster.Send($"fork echo OPTIONS=Backlog={backlog}");
        var port = await PortOf(cluster, 1);
        await Client.Ask(port);
        await TestProcess.Stop(cluster.Id); // It accepts nothing.
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        var clients = Enumerable.Range(0, 10).Select(_ => Client.Connectable(port)).ToList();
        var connecting = clients.Select(client => client.ConnectAsync(port, deadline.Token).AsTask()).ToList();
        await Task.WhenAny(Task.WhenAll(connecting), Task.Delay(500, deadline.Token));
        Assert.Equal(all ? 10 : backlog + 1, connecting.Count(task => task.IsCompletedSuccessfully)); // man 2 listen; the kernel takes one more.
        cluster.Signal(Signal.SIGCONT);
        foreach (var (client, connected) in clients.Zip(connecting))
        {
            using (client)
            {
                await connected; // The others were asked to try again.
                await Client.Ask(client, deadline.Token);
            }
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Any_IPv6_address_takes_IPv4_too_unless_it_shall_not(bool dualMode)
    {
        var port = Client.FreePort();
        await using var cluster = TestProcess.Start("driver");
        for (var i = 0; i < 2; i++)
            cluster.Send($"fork echo LISTEN=[::]:{port} OPTIONS=DualMode={dualMode}");
        Assert.Equal([$"[::]:{port}", $"[::]:{port}"], (await cluster.ExpectAll(@"^listening \d (.*)$", 2)).Select(match => match.Groups[1].Value));
        await Client.Ask(new IPEndPoint(IPAddress.IPv6Loopback, port));
        var four = new IPEndPoint(IPAddress.Loopback, port);
        if (dualMode)
            await Client.Ask(four);
        else
            await ExpectRefused(four);

        // The other side is free, for another worker or anybody, or it is not.
        cluster.Send($"fork listen-and-catch LISTEN=0.0.0.0:{port}");
        await cluster.Expect(dualMode ? "^caught AddressAlreadyInUse" : "^listening after all$");
    }

    [Fact]
    public async Task Fast_open_takes_data_with_the_first_packet_where_the_system_lets_it()
    {
        await using var cluster = TestProcess.Start("driver");
        cluster.Send("fork echo OPTIONS=FastOpen=16");
        var port = await PortOf(cluster, 1);
        var before = FastOpens();
        for (var i = 0; i < 3; i++)
        {
            using var client = Client.Connectable(port);
            client.SetRawSocketOption(6, 30, [1, 0, 0, 0]); // TCP_FASTOPEN_CONNECT
            using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(20));
            await client.ConnectAsync(port, deadline.Token);
            Assert.Equal(await cluster.ProcessOf(1), await Client.Ask(client, deadline.Token));
        }
        const int ClientAndServer = 3;
        if ((int.Parse(File.ReadAllText("/proc/sys/net/ipv4/tcp_fastopen"), CultureInfo.InvariantCulture) & ClientAndServer) == ClientAndServer)
            Assert.InRange(FastOpens() - before, 1, long.MaxValue); // The first one fetches the cookie.
    }

    [Theory]
    [InlineData(0x1B0)] // rw-rw----
    [InlineData(0x1FF)]
    [InlineData(0x180)]
    public async Task The_file_of_a_socket_has_its_permissions_from_the_first_instant(int mode)
    {
        // A watcher looks at the file as soon as it is there, over and over.
        var seen = new HashSet<UnixFileMode>();
        using var stop = new TestEnd();
        var watcher = new Thread(() =>
        {
            while (!stop.IsCancellationRequested)
            {
                try
                {
                    seen.Add(File.GetUnixFileMode(SocketPath));
                }
                catch (FileNotFoundException)
                {
                    Thread.Yield(); // Not yet.
                }
            }
        });
        watcher.Start();
        try
        {
            await using var cluster = TestProcess.Start("driver");
            cluster.Send($"fork echo LISTEN={SocketPath} OPTIONS=UnixFileMode={mode}");
            await cluster.Expect("^listening 1 ");
            Assert.Equal((UnixFileMode)mode, File.GetUnixFileMode(SocketPath));
            await Client.Ask(new UnixDomainSocketEndPoint(SocketPath));
        }
        finally
        {
            stop.Cancel();
            watcher.Join();
        }
        Assert.All(seen, found => Assert.Equal(default, found & ~(UnixFileMode)mode));
        Assert.False(File.Exists(SocketPath));
    }

    [Fact]
    public async Task The_file_of_a_socket_can_be_given_away_by_who_may_and_else_is_an_error_that_leaves_nothing()
    {
        const string Options = "UnixUser=4711;UnixGroup=4712;UnixFileMode=432";
        if (Environment.IsPrivilegedProcess)
        {
            await using var cluster = TestProcess.Start("driver");
            cluster.Send($"fork echo LISTEN={SocketPath} OPTIONS={Options}");
            await cluster.Expect("^listening 1 ");
            Assert.Equal("4711 4712 660", await Stat(SocketPath));
        }
        File.SetUnixFileMode(_directory.FullName, (UnixFileMode)0x1FF);
        await using var unprivileged = StartUnprivileged("driver", ("OPTIONS", Options));
        unprivileged.Send($"fork listen-and-catch LISTEN={SocketPath}");
        await unprivileged.Expect($"^caught AccessDenied: The file of the socket '{SocketPath}' could not be given to user 4711 group 4712: ");
        Assert.False(File.Exists(SocketPath));
    }

    [Theory]
    [InlineData("KeepAlive=00:00:00.5", "KeepAlive is 00:00:00.5000000: zero for none, or whole seconds from 1 to 32767.")]
    [InlineData("KeepAlive=10:00:00", "KeepAlive is 10:00:00: zero")]
    [InlineData("FastOpen=-1", "FastOpen is -1: 0 for none")]
    [InlineData("UnixFileMode=2541", "UnixFileMode is .*: read, write and execute of user, group and others only.")]
    [InlineData("UnixUser=4294967295;FastOpen=-2", "FastOpen is -2.* UnixUser or UnixGroup is 4294967295")]
    public async Task Options_that_cannot_be_are_an_error_at_the_call(string options, string message)
    {
        await using var cluster = TestProcess.Start("driver");
        cluster.Send($"fork listen-and-catch OPTIONS={options}");
        await cluster.Expect($"^caught ArgumentException: {message}");
        await using var alone = TestProcess.Start("alone-listen-and-catch", ("OPTIONS", options));
        await alone.Expect($"^caught ArgumentException: {message}");
    }

    [Theory]
    [InlineData("192.0.2.1:80", "AddressNotAvailable")]
    [InlineData("[2001:db8::1]:80", "AddressNotAvailable|AddressFamilyNotSupported")]
    [InlineData("/nowhere/at/all.sock", "AddressNotAvailable")]
    [InlineData("/proc/app.sock", "AccessDenied|AddressNotAvailable|OperationNotSupported")]
    [InlineData("dns:localhost", "NotSupportedException: A cluster cannot listen on 'Unspecified/localhost:80' .DnsEndPoint.: give an IPEndPoint, a UnixDomainSocketEndPoint or an InheritedEndPoint.")]
    public async Task An_end_point_that_cannot_be_is_the_same_error_as_alone(string where, string error)
    {
        await using var alone = TestProcess.Start("alone-listen-and-catch", ("LISTEN", where));
        var expected = (await alone.Expect($"^caught (({error}).*)$")).Groups[1].Value;
        await using var cluster = TestProcess.Start("driver");
        cluster.Send($"fork listen-and-catch LISTEN={where}");
        Assert.Equal(expected, (await cluster.Expect("^caught (.*)$")).Groups[1].Value);
        cluster.Send("workers");
        await cluster.Expect("^workers "); // The primary is none the worse for it.
    }

    [Theory]
    [InlineData("127.0.0.1:80")]
    [InlineData("{folder}/app.sock")]
    public async Task An_end_point_that_is_not_allowed_is_the_same_error_as_alone(string where)
    {
        if (where.EndsWith(":80", StringComparison.Ordinal)
            && int.Parse(File.ReadAllText("/proc/sys/net/ipv4/ip_unprivileged_port_start"), CultureInfo.InvariantCulture) <= 80)
        {
            return; // Here everybody may.
        }
        File.SetUnixFileMode(_directory.FullName, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        var variable = ("LISTEN", where.Replace("{folder}", _directory.FullName, StringComparison.Ordinal));
        await using var alone = StartUnprivileged("alone-listen-and-catch", variable);
        var expected = (await alone.Expect("^caught (AccessDenied: .*)$")).Groups[1].Value;
        await using var cluster = StartUnprivileged("driver", variable);
        cluster.Send("fork listen-and-catch");
        Assert.Equal(expected, (await cluster.Expect("^caught (.*)$")).Groups[1].Value);
    }

    [Fact]
    public async Task A_relative_path_is_the_workers_and_its_file_removed()
    {
        await using var cluster = TestProcess.Start("driver");
        cluster.Send($"configure WorkingDirectory {_directory.FullName}");
        cluster.Send("fork echo LISTEN=app.sock");
        await cluster.Expect("^listening 1 ");
        await Client.Ask(new UnixDomainSocketEndPoint(SocketPath));
        cluster.Send("disconnect");
        await cluster.Expect("^all gone, 0 left$");
        Assert.False(File.Exists(SocketPath));
    }

    [Fact]
    public async Task A_relative_path_may_be_too_long_when_it_is_absolute_unless_the_primary_has_another_directory()
    {
        var folder = _directory.CreateSubdirectory(new string('d', 60)).CreateSubdirectory(new string('e', 60)).FullName;
        await using var cluster = TestProcess.StartFile("sh", $"-c \"cd {folder} && exec {TestPaths.TestApp} driver\"");
        cluster.Send("fork echo LISTEN=app.sock");
        cluster.Send("fork echo LISTEN=app.sock");
        await cluster.ExpectAll("^listening ", 2);
        var link = Path.Combine(_directory.FullName, "l"); // A shorter way there.
        File.CreateSymbolicLink(link, folder);
        var answers = new HashSet<int>();
        for (var i = 0; i < 4; i++)
            answers.Add(await Client.Ask(new UnixDomainSocketEndPoint($"{link}/app.sock")));
        Assert.Equal(2, answers.Count);
        cluster.Send("disconnect");
        await cluster.Expect("^all gone, 0 left$");
        Assert.False(File.Exists($"{folder}/app.sock"));

        var other = _directory.CreateSubdirectory(new string('f', 120)).FullName;
        cluster.Send($"configure WorkingDirectory {other}");
        cluster.Send("fork listen-and-catch LISTEN=app.sock");
        await cluster.Expect($"^caught ArgumentException: The socket 'app.sock' is '{other}/app.sock' for the primary, which has another directory");
    }

    /// <summary>Not as root, who may everything.</summary>
    private static TestProcess StartUnprivileged(string arguments, params (string, string)[] environment) => Environment.IsPrivilegedProcess
        ? TestProcess.StartFile("setpriv", $"--reuid=65534 --regid=65534 --clear-groups {TestPaths.TestApp} {arguments}", environment)
        : TestProcess.Start(arguments, environment);

    private static async Task<IPEndPoint> PortOf(TestProcess cluster, int worker) =>
        IPEndPoint.Parse((await cluster.Expect($@"^listening {worker} (.*)$")).Groups[1].Value);

    private static async Task ExpectRefused(IPEndPoint port)
    {
        var failure = await Assert.ThrowsAsync<SocketException>(() => Client.Ask(port));
        Assert.Equal(SocketError.ConnectionRefused, failure.SocketErrorCode);
    }

    private static async Task<string> Stat(string path)
    {
        using var stat = System.Diagnostics.Process.Start(new System.Diagnostics.ProcessStartInfo("stat", ["-c", "%u %g %a", path]) { RedirectStandardOutput = true })!;
        return (await stat.StandardOutput.ReadToEndAsync()).Trim();
    }

    /// <summary>Connections of this machine whose first packet's data were taken.</summary>
    private static long FastOpens()
    {
        var lines = File.ReadLines("/proc/net/netstat").Where(line => line.StartsWith("TcpExt:", StringComparison.Ordinal)).Select(line => line.Split(' ')).ToList();
        return long.Parse(lines[1][Array.IndexOf(lines[0], "TCPFastOpenPassive")], CultureInfo.InvariantCulture);
    }
}
