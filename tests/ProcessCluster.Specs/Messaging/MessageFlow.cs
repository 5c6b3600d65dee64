using System.Diagnostics;
using System.Globalization;

namespace ProcessCluster.Specs;

/// <summary>A worker that does not keep up, or does not return: it costs its sender time, and nobody else anything.</summary>
public sealed class MessageFlow
{
    [MeasuresTime]
    [Fact]
    public async Task A_stopped_worker_that_is_flooded_costs_little_memory_delays_no_other_and_handles_everything_later()
    {
        await using var cluster = await MessageSpecs.Workers(2);
        var stopped = await cluster.ProcessOf(1);
        await TestProcess.Stop(stopped);
        try
        {
            cluster.Send("&flood 1 5");
            for (var i = 1; i <= 50; i++)
            {
                var watch = Stopwatch.StartNew();
                cluster.Send("ask 2 2");
                await cluster.ExpectAll("^answer 4$", i);
                Assert.InRange(watch.ElapsedMilliseconds, 0, 1_000);
            }
            Assert.Equal(0, cluster.Count("^flooded ")); // All of this was meanwhile.
            var flooded = await cluster.Expect(@"^flooded (\d+) grown (-?\d+) MiB$", TimeSpan.FromSeconds(15));
            var (sent, grown) = (Number(flooded.Groups[1].Value), Number(flooded.Groups[2].Value));
            Assert.InRange(grown, int.MinValue, 31);
            Assert.InRange(sent, 500, 1_100); // 1 MiB, no more.

            TestProcess.SendSignal(stopped, Signal.SIGCONT);
            cluster.Send("send 1 end 1");
            await cluster.Expect("^worker 1 got end 0 from 0$");
            Assert.Equal(sent, cluster.Count("^worker 1 got 1000 bytes from 0$"));
        }
        finally
        {
            TestProcess.SendSignal(stopped, Signal.SIGCONT);
        }
    }

    [Fact]
    public async Task A_stopped_worker_slows_the_worker_that_sends_to_it_and_no_other()
    {
        await using var cluster = await MessageSpecs.Workers(3);
        var stopped = await cluster.ProcessOf(1);
        await TestProcess.Stop(stopped);
        try
        {
            cluster.Send("&trouble 2 flood:1:3000");
            await cluster.Expect("^worker 2 waits for room$");
            cluster.Send("relay 3 2 6"); // The one that waits is asked and answers, too.
            await cluster.Expect("^relayed: square 36$", MessageSpecs.Promptly);
            Assert.Equal(0, cluster.Count("^answer 3000$"));
            TestProcess.SendSignal(stopped, Signal.SIGCONT);
            await cluster.Expect("^answer 3000$");
            await cluster.ExpectAll("^worker 1 got 1000 bytes from 2$", 3000);
        }
        finally
        {
            TestProcess.SendSignal(stopped, Signal.SIGCONT);
        }
    }

    [Fact]
    public async Task A_handler_of_requests_that_blocks_delays_neither_other_requests_nor_the_worker_s_leaving()
    {
        await using var cluster = await MessageSpecs.Workers(1);
        cluster.Send("&trouble 1 block");
        await cluster.Expect("^worker 1 blocks$");
        for (var i = 1; i <= 10; i++)
        {
            cluster.Send($"ask 1 {i}");
            await cluster.Expect($"^answer {i * i}$", MessageSpecs.Promptly);
        }
        cluster.Send("send 1 hello 1");
        await cluster.Expect("^worker 1 got hello 0 from 0$", MessageSpecs.Promptly);
        cluster.Send("&disconnect 1");
        await cluster.Expect("^worker 1 shall leave$", MessageSpecs.Promptly);
        await cluster.Expect("^gone 1$", MessageSpecs.Promptly);
        await cluster.Expect("^failed PeerGoneException: worker 1 ", MessageSpecs.Promptly);
    }

    [Fact]
    public async Task A_handler_of_messages_that_blocks_delays_neither_requests_nor_the_worker_s_leaving()
    {
        await using var cluster = await MessageSpecs.Workers(1);
        cluster.Send("send 1 block 1");
        await cluster.Expect("^worker 1 blocks$");
        cluster.Send("send 1 hello 1");
        cluster.Send("ask 1 5");
        await cluster.Expect("^answer 25$", MessageSpecs.Promptly);
        Assert.Equal(0, cluster.Count("^worker 1 got hello")); // Messages are handled one after another.
        cluster.Send("disconnect 1");
        await cluster.Expect("^worker 1 shall leave$", MessageSpecs.Promptly);
        await cluster.Expect("^gone 1$", MessageSpecs.Promptly);
    }

    private static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);
}
