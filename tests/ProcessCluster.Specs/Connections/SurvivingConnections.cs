using System.Globalization;
using System.Net;

namespace ProcessCluster.Specs;

/// <summary>Connections of a killed worker whose program says what goes on on them (<see cref="ClusterListenOptions.ReportsState"/>).</summary>
public sealed class SurvivingConnections
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task What_becomes_of_each_is_what_was_said_of_it_last(bool survives)
    {
        await using var cluster = TestProcess.Start("driver");
        cluster.Send($"configure ConnectionSurvival:Enabled {survives}");
        cluster.Send("fork outlive");
        var endPoint = IPEndPoint.Parse((await cluster.Expect(@"^listening 1 (\S+)$")).Groups[1].Value);
        using var deadline = new CancellationTokenSource(Patience);
        var old = await cluster.ProcessOf(1);
        using var silent = await LineClient.OpenAsync(endPoint, deadline.Token);
        using var idle = await LineClient.OpenAsync(endPoint, deadline.Token);
        using var whole = await LineClient.OpenAsync(endPoint, deadline.Token);
        using var more = await LineClient.OpenAsync(endPoint, deadline.Token);
        using var half = await LineClient.OpenAsync(endPoint, deadline.Token);
        using var busy = await LineClient.OpenAsync(endPoint, deadline.Token);
        using var closed = await LineClient.OpenAsync(endPoint, deadline.Token);
        Assert.Equal(old, await idle.Ask("one", deadline.Token));
        Assert.Equal(old, await whole.Ask("whole", deadline.Token));
        Assert.Equal(old, await more.Ask("more", deadline.Token));
        Assert.Equal(old, await closed.Ask("one", deadline.Token));
        Assert.Equal(old, await busy.Ask("one", deadline.Token));
        closed.Dispose();
        await busy.Send("wait\n", deadline.Token);
        await cluster.Expect("^waits$");
        await half.Send("half\n", deadline.Token);
        Assert.StartsWith(old.ToString(CultureInfo.InvariantCulture)[..2], await half.ReadSome(deadline.Token), StringComparison.Ordinal);
        cluster.Send("fork outlive");
        await cluster.Expect("^listening 2 ");
        var next = await cluster.ProcessOf(2);

        TestProcess.SendSignal(old, Signal.SIGKILL);
        if (survives)
        {
            foreach (var client in (LineClient[])[busy, more])
                Assert.Equal((0, "gone"), await client.Read("", deadline.Token));
            foreach (var client in (LineClient[])[silent, idle, whole])
                Assert.Equal(next, await client.Ask("two", deadline.Token));
        }
        foreach (var client in survives ? (LineClient[])[busy, more, half] : [silent, idle, whole, busy, more, half])
            Assert.True(await client.HasEnded(deadline.Token));
    }
}
