using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace ProcessCluster.Specs;

/// <summary>One port, many processes: who gets a connection, and what becomes of it when that process dies.</summary>
public sealed class SharedPorts
{
    [Fact]
    public async Task Workers_share_a_port_and_take_turns()
    {
        await using var cluster = TestProcess.Start("driver");
        for (var i = 0; i < 4; i++)
            cluster.Send("fork echo");
        var port = await Port(cluster, workers: 4);

        var answers = new List<int>();
        for (var i = 0; i < 40; i++)
            answers.Add(await Client.Ask(port));
        Assert.Equal([10, 10, 10, 10], answers.GroupBy(id => id).Select(group => group.Count()));
    }

    [Theory]
    [InlineData("echo-twice")]
    [InlineData("udp-two")]
    public async Task Port_0_is_one_port_for_all_and_after_a_restart(string role)
    {
        await using var cluster = TestProcess.Start("driver");
        cluster.Send($"fork {role}");
        cluster.Send($"fork {role}");
        var ports = await cluster.ExpectAll("^ports (.*)$", 2);
        Assert.Equal(ports[0].Value, ports[1].Value);
        Assert.Equal(2, ports[0].Groups[1].Value.Split(' ').Distinct().Count());

        cluster.Send("kill 1 SIGKILL");
        cluster.Send("kill 2 SIGKILL");
        await cluster.ExpectAll("^exited ", 2);
        cluster.Send($"fork {role}");
        Assert.Equal(ports[0].Value, (await cluster.ExpectAll("^ports (.*)$", 3))[2].Value);
    }

    [Fact]
    public async Task A_connection_that_a_worker_received_but_did_not_accept_when_it_was_killed_is_served_by_another()
    {
        await using var cluster = TestProcess.Start("driver");
        cluster.Send("fork hoard LISTEN=127.0.0.1:0");
        var port = await Port(cluster, workers: 1);
        // All of them have been received by the worker that accepts none: it is the only one.
        var asking = Enumerable.Range(0, 10).Select(_ => Client.Ask(port)).ToList();
        await WaitUntilQueued(port, 10);
        cluster.Send("fork echo");
        await cluster.Expect("^listening 2 ");
        cluster.Send("kill 1 SIGKILL");

        var answers = await Task.WhenAll(asking);
        var second = int.Parse((await cluster.Expect(@"^forked 2 (\d+)$")).Groups[1].Value, System.Globalization.CultureInfo.InvariantCulture);
        Assert.All(answers, answer => Assert.Equal(second, answer));
    }

    [Fact]
    public async Task A_worker_that_does_not_accept_holds_up_only_what_was_offered_to_it()
    {
        await using var cluster = TestProcess.Start("driver");
        cluster.Send("fork hoard");
        cluster.Send("fork echo");
        var port = await Port(cluster, workers: 2);
        // Of many connections at once the one that accepts gets all but the few that were on their way to the other.
        var asking = Enumerable.Range(0, 60).Select(_ => Client.Ask(port)).ToList();
        await Task.WhenAll(asking.Select(async task => await Task.WhenAny(task, Task.Delay(3000))));
        Assert.InRange(asking.Count(task => !task.IsCompleted), 0, 4);

        // Asked to leave, the other gives them back.
        cluster.Send("disconnect 1");
        await Task.WhenAll(asking);
    }

    [Fact]
    public async Task The_port_stays_open_while_no_worker_listens_and_who_waits_is_served()
    {
        await using var cluster = TestProcess.Start("driver");
        cluster.Send("fork echo");
        var port = await Port(cluster, workers: 1);
        cluster.Send("kill 1 SIGKILL");
        await cluster.Expect("^exited 1 ");

        var asking = Enumerable.Range(0, 5).Select(_ => Client.Ask(port)).ToList();
        await WaitUntilQueued(port, 5);
        cluster.Send("fork echo");
        await Task.WhenAll(asking);
    }

    [Fact]
    public async Task Who_waits_too_long_is_closed_and_the_log_says_so()
    {
        await using var cluster = TestProcess.Start("driver");
        cluster.Send("configure QueueTimeout 00:00:01");
        cluster.Send("fork echo");
        var port = await Port(cluster, workers: 1);
        cluster.Send("kill 1 SIGKILL");
        await cluster.Expect("^exited 1 ");
        var failure = await Record.ExceptionAsync(() => Client.Ask(port, TimeSpan.FromSeconds(5)));
        Assert.True(failure is IOException or SocketException, $"{failure}");
        await cluster.ExpectError("1 connections of .* waited 00:00:01 for a worker and were closed");
    }

    [Fact]
    public async Task More_than_may_wait_stay_in_the_kernel_and_are_served_too()
    {
        await using var cluster = TestProcess.Start("driver");
        cluster.Send("configure MaxWaitingConnections 10");
        cluster.Send("fork echo");
        var port = await Port(cluster, workers: 1);
        cluster.Send("kill 1 SIGKILL");
        await cluster.Expect("^exited 1 ");

        var asking = Enumerable.Range(0, 50).Select(_ => Client.Ask(port)).ToList();
        await WaitUntilQueued(port, 50);
        await Wait.Until(() => Descriptors.Connections(cluster.Id) >= 10); // The kernel has made them all; some may not be accepted yet.
        Assert.Equal(10, Descriptors.Connections(cluster.Id));
        cluster.Send("fork echo");
        await Task.WhenAll(asking);
    }

    [Fact]
    public async Task The_last_live_worker_that_closes_its_listener_closes_the_port()
    {
        await using var cluster = TestProcess.Start("driver");
        cluster.Send("fork close-listener");
        var port = await Port(cluster, workers: 1);
        await cluster.Expect("^closed$");
        await Wait.Until(async () => await Record.ExceptionAsync(() => Client.Ask(port)) is SocketException { SocketErrorCode: SocketError.ConnectionRefused });
    }

    [Fact]
    public async Task Listening_and_closing_at_once_again_and_again_is_no_fault()
    {
        await using var cluster = TestProcess.Start("driver");
        cluster.Send("fork listen-and-close");
        await cluster.Expect("^listened and closed$");
        await cluster.Expect("^exited 1 Completed code=0 ");
    }

    [Fact]
    public async Task A_worker_that_listens_while_the_cluster_is_disconnected_leaves_in_order_and_no_port_stays_bound()
    {
        await using var cluster = TestProcess.Start("driver");
        await cluster.Expect("^primary ");
        var before = Descriptors.Sockets(cluster.Id); // The runtime has one of its own, for diagnostics.
        for (var i = 1; i <= 5; i++)
        {
            cluster.Send("fork keep-listening");
            await cluster.Expect($"^listening {i} ");
            cluster.Send("disconnect");
            Assert.Contains(" Requested code=0 ", (await cluster.Expect($"^exited {i} .*")).Value, StringComparison.Ordinal);
            await cluster.ExpectAll("^all gone, 0 left$", i);
        }
        Assert.Equal(before, Descriptors.Sockets(cluster.Id));
    }

    [Fact]
    public async Task An_abstract_socket_is_no_file()
    {
        var name = $"processcluster-{Guid.NewGuid():N}";
        await using var cluster = TestProcess.Start("driver");
        cluster.Send($"fork echo LISTEN=abstract:{name}.sock");
        await cluster.Expect("^listening 1 ");
        await Client.Ask(new UnixDomainSocketEndPoint($"\0{name}.sock"));
        Assert.False(File.Exists($"@{name}.sock"));
    }

    [Fact]
    public async Task A_Unix_domain_socket_is_shared_too_and_its_file_removed()
    {
        var directory = Directory.CreateTempSubdirectory();
        try
        {
            var path = Path.Combine(directory.FullName, "shared.sock");
            await using (var cluster = TestProcess.Start("driver"))
            {
                cluster.Send($"fork echo LISTEN={path}");
                cluster.Send($"fork echo LISTEN={path}");
                await cluster.ExpectAll("^listening ", 2);
                var answers = new HashSet<int>();
                await Wait.Until(async () =>
                {
                    answers.Add(await Client.Ask(new UnixDomainSocketEndPoint(path)));
                    return answers.Count == 2;
                });
            }
            Assert.False(File.Exists(path));
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }

    [Fact]
    public async Task The_file_of_a_socket_whose_primary_was_killed_does_not_hinder_the_next_one_and_no_other_file_is_touched()
    {
        var directory = Directory.CreateTempSubdirectory();
        try
        {
            var path = Path.Combine(directory.FullName, "shared.sock");
            await using (var killed = TestProcess.Start("driver"))
            {
                killed.Send($"fork echo LISTEN={path}");
                await killed.Expect("^listening ");
                await using (var second = TestProcess.Start("driver"))
                {
                    second.Send($"fork listen-and-catch LISTEN={path}"); // The first one lives.
                    await second.Expect("^caught AddressAlreadyInUse");
                }
                killed.Signal(Signal.SIGKILL);
                await killed.Exit();
            }
            Assert.True(File.Exists(path));
            await using (var next = TestProcess.Start("driver"))
            {
                next.Send($"fork echo LISTEN={path}");
                await next.Expect("^listening ");
                await Client.Ask(new UnixDomainSocketEndPoint(path));
            }
            File.WriteAllText(path, "not a socket");
            await using (var refused = TestProcess.Start("driver"))
            {
                refused.Send($"fork listen-and-catch LISTEN={path}");
                await refused.Expect("^caught AddressAlreadyInUse");
            }
            Assert.Equal("not a socket", File.ReadAllText(path));
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }

    [Fact]
    public async Task Outside_a_cluster_the_same_program_listens_by_itself()
    {
        await using var alone = TestProcess.Start("alone");
        var serving = await alone.Expect(@"^serving (\S+) (\d+)$");
        Assert.Equal(alone.Id, await Client.Ask(IPEndPoint.Parse(serving.Groups[1].Value)));
        alone.Signal(Signal.SIGKILL);
        await alone.Exit();
    }

    [Fact]
    public async Task What_is_offered_to_a_stopped_worker_is_served_and_ended_by_others()
    {
        await using var cluster = TestProcess.Start("driver");
        cluster.Send("configure DrainTimeout 00:00:10");
        cluster.Send("fork echo");
        cluster.Send("fork echo");
        var stopped = int.Parse((await cluster.Expect(@"^forked 1 (\d+)$")).Groups[1].Value, CultureInfo.InvariantCulture);
        var port = await Port(cluster, workers: 2);
        await TestProcess.Stop(stopped);
        // Each client waits for the end of its connection, of which the stopped worker may hold a copy.
        var asking = Enumerable.Range(0, 50).Select(_ => Client.Ask(port)).ToList();
        Assert.DoesNotContain(stopped, await Task.WhenAll(asking));
        cluster.Send("kill 1 SIGCONT");
    }

    private static async Task<IPEndPoint> Port(TestProcess cluster, int workers)
    {
        var listening = await cluster.ExpectAll(@"^listening \d+ (.*)$", workers);
        return IPEndPoint.Parse(Assert.Single(listening.Select(match => match.Groups[1].Value).Distinct()));
    }

    /// <summary>So many connections of the port have been made by the kernel, accepted or not.</summary>
    private static Task WaitUntilQueued(IPEndPoint port, int count) => Wait.Until(() =>
    {
        var local = $"0100007F:{port.Port:X4}";
        var made = File.ReadLines("/proc/net/tcp").Count(line =>
        {
            var fields = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            return fields[1] == local && fields[3] == "01" && fields[2] != "00000000:0000";
        });
        return made >= count;
    });
}
