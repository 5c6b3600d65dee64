namespace ProcessCluster.Specs;

/// <summary>Messages and requests between real processes: who gets them, in which order, and when there is nobody yet.</summary>
public sealed class Messages
{
    [Fact]
    public async Task A_worker_handles_what_the_primary_sends_in_the_order_of_sending()
    {
        await using var cluster = await MessageSpecs.Workers(1);
        cluster.Send("send 1 hello 1000");
        Assert.Equal(Enumerable.Range(0, 1000), await cluster.Numbers(@"^worker 1 got hello (\d+) from 0$", 1000));
    }

    [Fact]
    public async Task The_primary_handles_what_a_worker_sends_in_the_order_of_sending()
    {
        await using var cluster = await MessageSpecs.Workers(2);
        cluster.Send("trouble 2 greet-primary");
        Assert.Equal(Enumerable.Range(0, 20), await cluster.Numbers(@"^primary got up (\d+) from 2$", 20));
    }

    [Fact]
    public async Task The_primary_reaches_a_worker_by_its_number()
    {
        await using var cluster = await MessageSpecs.Workers(2);
        cluster.Send("send-to 2 hello 5");
        await cluster.Expect("^worker 2 got hello 5 from 0$");
        cluster.Send("ask-to 2 12");
        await cluster.Expect("^answer 144$");
        Assert.Equal(0, cluster.Count("^worker 1 got "));
    }

    [Fact]
    public async Task A_broadcast_of_the_primary_reaches_every_worker_once()
    {
        await using var cluster = await MessageSpecs.Workers(3);
        cluster.Send("broadcast all");
        cluster.Send("broadcast end");
        await cluster.ExpectAll(@"^worker \d got end 0 from 0$", 3);
        Assert.All([1, 2, 3], worker => Assert.Equal(1, cluster.Count($"^worker {worker} got all 0 from 0$")));
    }

    [Fact]
    public async Task A_broadcast_of_a_worker_reaches_every_other_worker_and_neither_itself_nor_the_primary()
    {
        await using var cluster = await MessageSpecs.Workers(3);
        cluster.Send("trouble 2 broadcast");
        await cluster.ExpectAll(@"^worker [13] got from a worker 1 from 2$", 2);
        // What came back or went to the primary would have come before these.
        cluster.Send("trouble 2 greet-primary");
        await cluster.Expect("^primary got up 19 from 2$");
        cluster.Send("send 2 end 1");
        await cluster.Expect("^worker 2 got end 0 from 0$");
        Assert.Equal(2, cluster.Count("from a worker"));
    }

    [Fact]
    public async Task A_worker_reaches_another_one_through_the_primary()
    {
        await using var cluster = await MessageSpecs.Workers(3);
        cluster.Send("relay 1 3 7");
        await cluster.Expect("^relayed: square 49$");
        await cluster.Expect("^worker 3 got relayed 7 from 1$");
        cluster.Send("relay 3 1 8");
        await cluster.Expect("^relayed: square 64$");
        await cluster.Expect("^worker 1 got relayed 8 from 3$");
        Assert.Equal(0, cluster.Count("^primary got "));
    }

    [Fact]
    public async Task What_is_sent_right_after_the_fork_is_kept_and_handled_in_order()
    {
        await using var cluster = TestProcess.Start("driver");
        cluster.Send("fork-and-send messages early 500");
        cluster.Send("send 1 late 1");
        Assert.Equal(Enumerable.Range(0, 500), await cluster.Numbers(@"^worker 1 got early (\d+) from 0$", 500));
        await cluster.Expect("^worker 1 got late 0 from 0$");
        await cluster.Expect("^online 1$");
        Assert.InRange(cluster.IndexOf("^sent 500$"), 0, cluster.IndexOf("^online 1$"));
        Assert.InRange(cluster.IndexOf("^worker 1 got late"), cluster.IndexOf("^worker 1 got early 499"), int.MaxValue);
    }

    [Fact]
    public async Task A_request_right_after_the_fork_is_answered_when_the_worker_is_up()
    {
        await using var cluster = TestProcess.Start("driver");
        cluster.Send("fork messages");
        cluster.Send("ask 1 9");
        await cluster.Expect("^answer 81$");
    }

    [Fact]
    public async Task What_comes_before_its_handler_is_kept_and_handled_in_order()
    {
        await using var cluster = TestProcess.Start("driver");
        cluster.Send("fork late-handler");
        cluster.Send("send 1 early 300");
        cluster.Send("ask 1 0"); // Answered by the handler that the worker has: all that was sent before has come.
        await cluster.Expect("^answer -1$");
        cluster.Send("send 1 late 300");
        Assert.Equal(
            [.. Enumerable.Range(0, 300), .. Enumerable.Range(0, 300)],
            await cluster.Numbers(@"^worker 1 got \w+ (\d+) from 0$", 600));
        Assert.InRange(cluster.IndexOf("^worker 1 got late 0 "), cluster.IndexOf("^worker 1 got early 299 "), int.MaxValue);
    }

    [Fact]
    public async Task What_a_worker_says_before_it_ends_is_handled_before_its_exit_is_told()
    {
        await using var cluster = TestProcess.Start("driver");
        cluster.Send("handle");
        cluster.Send("fork say-and-exit");
        await cluster.Expect("^exited 1 .* code=3 ");
        Assert.Equal(Enumerable.Range(0, 1000), await cluster.Numbers(@"^primary got last words (\d+) from 1$", 1000));
        Assert.InRange(cluster.IndexOf("^exited 1 "), cluster.LastIndexOf("^primary got last words 999 "), int.MaxValue);
    }

    [Fact]
    public async Task What_a_worker_has_said_is_handled_even_when_it_is_killed_before_the_primary_came_to_it()
    {
        await using var cluster = TestProcess.Start("driver");
        cluster.Send("hold"); // Messages are handled when they are released; requests at once.
        cluster.Send("handle-requests");
        cluster.Send("fork say-and-stay");
        await cluster.Expect("^all said$");
        cluster.Send("kill 1 SIGKILL");
        await cluster.Expect("^disconnected 1$");
        await WaitUntilEnded(await cluster.ProcessOf(1));
        Assert.Equal(0, cluster.Count("^exited 1 "));
        Assert.Equal(0, cluster.Count("^primary got "));
        cluster.Send("release");
        await cluster.Expect("^exited 1 Killed code= signal=SIGKILL");
        Assert.Equal(Enumerable.Range(0, 1000), await cluster.Numbers(@"^primary got last words (\d+) from 1$", 1000));
        Assert.InRange(cluster.IndexOf("^exited 1 "), cluster.LastIndexOf("^primary got last words 999 "), int.MaxValue);
    }

    private static async Task WaitUntilEnded(int process)
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(10));
        while (Directory.Exists($"/proc/{process}"))
            await Task.Delay(5, deadline.Token);
    }
}
