using System.Globalization;
using System.Net;

namespace ProcessCluster.Specs;

/// <summary>Far more workers than processors.</summary>
public sealed class ManyWorkers
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    [Fact]
    public async Task As_many_workers_as_are_forked_share_one_port_all_of_them_serve_and_all_leave()
    {
        // Set WORKERS for more.
        var workers = int.Parse(Environment.GetEnvironmentVariable("WORKERS") ?? "16", CultureInfo.InvariantCulture);
        await using var cluster = TestProcess.Start("driver");
        cluster.Send("configure BootTimeout 00:02:00 DrainTimeout 00:02:00");
        for (var i = 0; i < workers; i++)
            cluster.Send("fork echo");
        var listening = await cluster.ExpectAll(@"^listening \d+ (.*)$", workers, Patience);
        var port = IPEndPoint.Parse(Assert.Single(listening.Select(match => match.Groups[1].Value).Distinct()));

        // In turn, as nothing else asks; one that did not answer in time is passed over once.
        var forked = (await cluster.ExpectAll(@"^forked \d+ (\d+)$", workers)).Select(match => int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture));
        var answered = new HashSet<int>();
        for (var i = 0; i < 3 * workers && answered.Count < workers; i++)
            answered.Add(await Client.Ask(port, Patience));
        Assert.Equal(forked.Order(), answered.Order());

        cluster.Send("disconnect");
        await cluster.Expect("^all gone, 0 left$", Patience);
        Assert.Equal(workers, cluster.Count(@"^exited \d+ Requested code=0 "));
    }
}
