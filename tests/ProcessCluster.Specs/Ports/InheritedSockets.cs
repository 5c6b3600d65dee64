using System.Net;
using System.Net.Sockets;
using System.Text.RegularExpressions;

namespace ProcessCluster.Specs;

/// <summary>Sockets that the primary was started with, by systemd or another program: workers share them, the cluster closes none.</summary>
public sealed class InheritedSockets : IDisposable
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("pc-inherit-");

    public void Dispose() => _directory.Delete(recursive: true);

    [Theory]
    [InlineData("descriptor:4", "Handoff")]
    [InlineData("systemd:web", "Handoff")]
    [InlineData("systemd:web", "SharedListener")]
    public async Task Workers_share_a_descriptor_of_the_primary(string where, string mode)
    {
        await using var cluster = TestProcess.Start("activate tcp:other tcp:web bound:late -- driver");
        cluster.Send($"configure Mode {mode}");
        cluster.Send($"fork echo LISTEN={where}");
        cluster.Send($"fork echo LISTEN={where}");
        var port = await Activated(cluster, 4);
        Assert.Equal([$"{port}", $"{port}"], (await cluster.ExpectAll(@"^listening \d (.*)$", 2)).Select(match => match.Groups[1].Value));
        var answers = new HashSet<int>();
        await Wait.Until(async () => // One may be fast enough for all of a round.
        {
            answers.UnionWith(await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => Client.Ask(port))));
            return answers.Count == 2;
        });

        // One that is bound and does not listen yet can.
        cluster.Send("fork echo LISTEN=systemd:late");
        await cluster.Expect("^listening 3 ");
        Assert.Equal(await cluster.ProcessOf(3), await Client.Ask(await Activated(cluster, 5)));
    }

    [Fact]
    public async Task Clients_wait_in_the_kernel_while_nobody_uses_the_descriptor_and_are_served_when_somebody_does()
    {
        await using var cluster = TestProcess.Start("activate tcp:web -- driver");
        cluster.Send("fork echo LISTEN=systemd:web");
        var port = await Activated(cluster, 3);
        await cluster.Expect("^listening 1 ");
        await Client.Ask(port);
        cluster.Send("disconnect");
        await cluster.Expect("^all gone, 0 left$");

        var asking = Client.Ask(port);
        cluster.Send("fork echo LISTEN=descriptor:3");
        await cluster.Expect("^forked 2 ");
        Assert.Equal(await cluster.ProcessOf(2), await asking);
    }

    [Fact]
    public async Task A_Unix_domain_socket_is_inherited_too_and_its_file_stays_as_it_belongs_to_who_made_it()
    {
        var path = Path.Combine(_directory.FullName, "app.sock");
        await using (var cluster = TestProcess.Start("activate unix:web -- driver", ("ACTIVATE_PATH", path)))
        {
            cluster.Send("fork echo LISTEN=systemd:web");
            await cluster.Expect($"^listening 1 {Regex.Escape(path)}$");
            Assert.Equal(await cluster.ProcessOf(1), await Client.Ask(new UnixDomainSocketEndPoint(path)));
        }
        Assert.True(File.Exists(path));
    }

    [Theory]
    [InlineData("udp:web", "systemd:web", "OperationNotSupported: The primary's descriptor 3 is a socket of the kind Dgram, InterNetwork. Give a stream socket")]
    [InlineData("unbound:web", "systemd:web", "InvalidArgument: The primary's descriptor 3 is a socket that has no address.")]
    [InlineData("connected:web", "systemd:web", "InvalidArgument: The primary's descriptor 3 is a socket that is connected.")]
    [InlineData("input:web", "systemd:web", "NotSocket: The primary's descriptor 3 is not a socket.")]
    [InlineData("tcp:web", "descriptor:999", "NotSocket: The primary's descriptor 999 is not open.")]
    [InlineData("tcp:web", "systemd:wep", "AddressNotAvailable: systemd has given the primary no socket 'wep', but 'web'.")]
    [InlineData("tcp:web tcp:web", "systemd:web", "AddressNotAvailable: systemd has given the primary 2 sockets named 'web', the descriptors 3, 4. Give one by its number.")]
    public async Task What_is_no_socket_to_listen_on_is_an_error_that_says_why(string sockets, string where, string error)
    {
        await using var cluster = TestProcess.Start($"activate {sockets} -- driver");
        cluster.Send($"fork listen-and-catch LISTEN={where}");
        await cluster.Expect($"^caught {Regex.Escape(error)}");
        // It is the primary's still, whatever it is.
        Assert.True(new FileInfo($"/proc/{cluster.Id}/fd/3").LinkTarget is not null);
    }

    [Fact]
    public async Task A_name_means_nothing_where_no_systemd_has_given_a_socket()
    {
        await using var cluster = TestProcess.Start("driver", ("LISTEN_PID", "1"), ("LISTEN_FDS", "1"), ("LISTEN_FDNAMES", "web"));
        cluster.Send("fork listen-and-catch LISTEN=systemd:web");
        await cluster.Expect("^caught AddressNotAvailable: systemd has given the primary no socket, and so none named 'web'.");
    }

    [Fact]
    public async Task Outside_a_cluster_a_descriptor_is_the_programs_own()
    {
        await using var alone = TestProcess.Start("activate tcp:web -- alone", ("LISTEN", "systemd:web"));
        await alone.Expect("^serving ");
        Assert.Equal(alone.Id, await Client.Ask(await Activated(alone, 3)));
        alone.Signal(Signal.SIGKILL);
        await alone.Exit();
    }

    [Fact]
    public async Task Workers_inherit_no_descriptor_and_no_variable_of_systemd()
    {
        await using var cluster = TestProcess.Start("activate tcp:a tcp:b tcp:c tcp:d tcp:e -- driver", ("WATCHDOG_PID", "1"), ("WATCHDOG_USEC", "1000000"));
        cluster.Send("fork systemd-environment");
        await cluster.Expect("^said all$");
        foreach (var name in (string[])["LISTEN_PID", "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"])
            await cluster.Expect($"^{name} is not set$");
        // Those from 3 to 5 are the worker's link; what systemd gave as 6 and 7 would be sockets.
        Assert.Equal(0, cluster.Count("^open /proc/self/fd/[67] socket:"));
    }

    private static async Task<IPEndPoint> Activated(TestProcess cluster, int descriptor) =>
        IPEndPoint.Parse((await cluster.Expect($"^activated {descriptor} (.*)$")).Groups[1].Value);
}
