namespace ProcessCluster.Conformance;

/// <summary>What Node has no test for.</summary>
public sealed class BeyondNode
{
    [Fact]
    public async Task Messages_keep_their_order_when_the_sender_has_to_wait_for_room()
    {
        const int Count = 400;
        await using var cluster = await Puppets.Start(1);
        var worker = await cluster.ProcessOf(1);
        await TestProcess.Stop(worker);
        cluster.Send($"&send 1 {new string('x', 5000)} {Count}"); // Twice the room.
        cluster.Send("ask 9 9"); // The driver takes commands: this one fails, as there is no such worker.
        await cluster.Expect("^failed ");
        Assert.Equal(0, cluster.Count($"^sent {Count}$"));
        TestProcess.SendSignal(worker, Signal.SIGCONT);
        Assert.Equal(Enumerable.Range(0, Count), await cluster.Numbers(@"^worker 1 got 5000 characters (\d+) from 0$", Count));
        await cluster.Expect($"^sent {Count}$");
    }

    [Fact]
    public async Task A_warning_that_cannot_be_written_does_not_end_the_primary()
    {
        await using var cluster = await Puppets.Start(TestProcess.StartFile("sh", $"-c \"exec {TestPaths.TestApp} driver 2>/dev/full\""), 1);
        cluster.Send("fork raw RAW=0100000000"); // Cut off, which is an error in the log.
        await cluster.ExitOf(2);
        cluster.Send("state 1");
        await cluster.Expect("^state 1 Online ");
    }
}
