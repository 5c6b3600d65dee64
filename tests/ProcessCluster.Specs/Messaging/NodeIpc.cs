namespace ProcessCluster.Specs;

/// <summary>
/// What Node's tests of child_process assert of messages between processes, where it makes sense here. Their names are in the traits.
/// </summary>
/// <remarks>
/// Those that pass sockets or servers in messages are in <see cref="NodeHandles"/>, adapted: the cluster hands these to workers by a way
/// of its own here.
/// Not taken: fork-ref and fork-ref2, as a link does not keep a worker alive here.
/// </remarks>
public sealed class NodeIpc
{
    [Fact]
    [Trait("Node", "test-child-process-advanced-serialization")]
    public async Task An_option_that_cannot_be_is_an_error_at_the_call()
    {
        await using var cluster = TestProcess.Start("driver");
        cluster.Send("configure MaxMessageBytes 1");
        await cluster.Expect("^failed ArgumentException: .*MaxMessageBytes is 1: from 1024 to ");
    }

    [Fact]
    [Trait("Node", "test-child-process-advanced-serialization")]
    public async Task Values_of_many_types_come_back_as_they_were()
    {
        await using var cluster = await MessageSpecs.Workers(1);
        cluster.Send("everything 1");
        var back = (await cluster.Expect("^back (.*)$")).Groups[1].Value;
        Assert.Equal((await cluster.Expect("^sent (.*)$")).Groups[1].Value, back);
        Assert.Contains("7fefffffffffffff", back, StringComparison.Ordinal); // double.MaxValue: it was not empty.
    }

    [Fact]
    [Trait("Node", "test-child-process-advanced-serialization-largebuffer")]
    public async Task A_large_buffer_arrives_whole()
    {
        await using var cluster = await MessageSpecs.Workers(1);
        cluster.Send("send-blob 1 16000000");
        await cluster.Expect("^worker 1 got 16000000 bytes from 0$");
        cluster.Send("send-blob 1 20000000");
        await cluster.Expect("^failed ClusterMessageException: The message Blob has .* bytes or more with its frame; at most 16777216 can be sent");
    }

    [Fact]
    [Trait("Node", "test-child-process-advanced-serialization-splitted-length-field")]
    public async Task A_frame_that_comes_byte_by_byte_is_understood()
    {
        await using var cluster = TestProcess.Start("driver");
        cluster.Send("handle");
        const string hello = "0900000001" + "01000000" + "01000000";
        const string header = "3e000000" + "201f0000" + "00000000" + "01000000" + "00000000";
        var name = Convert.ToHexString("ProcessCluster.TestApp.Greeting"u8);
        var body = $"82a4{Convert.ToHexString("Text"u8)}a178a5{Convert.ToHexString("Count"u8)}07";
        cluster.Send($"fork raw RAW={hello}{header}{name}{body}{header}{name}{body}");
        await cluster.Expect("^online 1$");
        await cluster.ExpectAll("^primary got x 7 from 1$", 2);
        await cluster.Expect("^written$");
    }

    [Fact]
    [Trait("Node", "test-child-process-disconnect")]
    public async Task A_second_disconnect_joins_the_first_and_the_worker_ends_by_itself()
    {
        await using var cluster = await MessageSpecs.Workers(1);
        cluster.Send("&disconnect 1");
        cluster.Send("&disconnect 1");
        await cluster.ExpectAll("^gone 1$", 2);
        await cluster.Expect("^exited 1 Requested code=0 signal= asked=True");
        Assert.Equal(1, cluster.Count("^disconnected 1$"));
        Assert.Equal(1, cluster.Count("^worker 1 shall leave$"));
    }

    [Fact]
    [Trait("Node", "test-child-process-send-after-close")]
    public async Task Sending_over_a_closed_link_is_an_error_in_the_primary()
    {
        await using var cluster = await MessageSpecs.Workers(1);
        cluster.Send("disconnect 1");
        await cluster.Expect("^gone 1$");
        cluster.Send("send 1 hello 1");
        await cluster.Expect(@"^failed PeerGoneException: worker 1 \(process \d+\) left on request, exit code 0\.$");
    }

    [Fact]
    [Trait("Node", "test-child-process-send-after-close")]
    public async Task Sending_over_a_closed_link_is_an_error_in_the_worker()
    {
        await using var cluster = TestProcess.Start("driver");
        cluster.Send("handle");
        cluster.Send("fork leave-and-send");
        await cluster.Expect("^refused PeerGoneException: ");
        await cluster.Expect("^exited 1 Requested code=0 ");
        Assert.Equal(0, cluster.Count("too late"));
    }

    [Fact]
    [Trait("Node", "test-child-process-send-cb")]
    public async Task A_send_completes_when_the_message_is_on_its_way_and_not_when_it_is_handled()
    {
        await using var cluster = await MessageSpecs.Workers(1);
        var worker = await cluster.ProcessOf(1);
        await TestProcess.Stop(worker);
        cluster.Send("send 1 hello 10");
        await cluster.Expect("^sent 10$", MessageSpecs.Promptly);
        Assert.Equal(0, cluster.Count("^worker 1 got "));
        TestProcess.SendSignal(worker, Signal.SIGCONT);
        await cluster.ExpectAll("^worker 1 got hello ", 10);
    }

    [Fact]
    [Trait("Node", "test-child-process-send-returns-boolean")]
    public async Task A_send_waits_when_too_much_is_unhandled_and_goes_on_when_there_is_room()
    {
        await using var cluster = await MessageSpecs.Workers(1);
        var worker = await cluster.ProcessOf(1);
        await TestProcess.Stop(worker);
        cluster.Send("&fill 1");
        var sent = await cluster.Numbers(@"^full after (\d+)$", 1);
        Assert.InRange(sent.Single(), 500, 1_100); // 1 MiB of messages with 1000 bytes.
        Assert.Equal(0, cluster.Count("^room again$"));
        TestProcess.SendSignal(worker, Signal.SIGCONT);
        await cluster.Expect("^room again$");
        await cluster.ExpectAll("^worker 1 got 1000 bytes from 0$", sent.Single() + 1);
    }

    [Fact]
    [Trait("Node", "test-child-process-send-type-error")]
    public async Task What_cannot_be_sent_is_an_error_at_the_call_and_the_link_goes_on()
    {
        await using var cluster = await MessageSpecs.Workers(1);
        cluster.Send("send-undeclared 1");
        await cluster.Expect(@"^failed MessageNotDeclaredException: .*System\.Version");
        cluster.Send("send 1 hello 1");
        await cluster.Expect("^worker 1 got hello 0 from 0$");
    }

    [Fact]
    [Trait("Node", "test-child-process-send-utf8")]
    public async Task Long_texts_of_wide_characters_arrive_whole()
    {
        await using var cluster = await MessageSpecs.Workers(1);
        cluster.Send("send-utf8 1");
        var text = string.Concat(Enumerable.Repeat("a\u00e9\u20ac\U0001F600", 100_000));
        var hash = text.Aggregate(17, (hash, c) => unchecked((hash * 31) + c));
        await cluster.Expect($"^worker 1 got {text.Length} characters, hash {hash} 1 from 0$");
    }

    [Fact]
    [Trait("Node", "test-child-process-ipc-next-tick")]
    public async Task A_handler_that_throws_does_not_stop_the_messages_that_came_with_its_own()
    {
        await using var cluster = await MessageSpecs.Workers(1);
        var worker = await cluster.ProcessOf(1);
        await TestProcess.Stop(worker); // So that they come together.
        cluster.Send("send 1 throw 1");
        cluster.Send("send 1 hello 9");
        await cluster.Expect("^sent 9$");
        TestProcess.SendSignal(worker, Signal.SIGCONT);
        Assert.Equal(Enumerable.Range(0, 9), await cluster.Numbers(@"^worker 1 got hello (\d+) from 0$", 9));
        Assert.Equal(0, cluster.Count("^worker 1 got throw"));
    }

    [Fact]
    [Trait("Node", "test-child-process-internal")]
    public async Task Messages_of_the_library_and_of_the_program_are_apart()
    {
        await using var cluster = TestProcess.Start("driver");
        cluster.Send("handle");
        cluster.Send("fork imitate");
        await cluster.Expect("^primary got NODE_CLUSTER 1 from 1$");
        cluster.Send("workers");
        await cluster.Expect("^workers 1:Online$");
        Assert.Equal(40, cluster.Count("^primary got ") - 1); // Nothing of hello and the like among them.
    }

    [Fact]
    [Trait("Node", "test-child-process-fork-close")]
    public async Task A_message_comes_before_the_exit_and_the_end_of_the_link_too()
    {
        await using var cluster = TestProcess.Start("driver");
        cluster.Send("handle");
        cluster.Send("fork say-and-exit");
        await cluster.Expect("^exited 1 ");
        Assert.InRange(cluster.LastIndexOf("^primary got last words 999 "), 0, cluster.IndexOf("^exited 1 "));
        Assert.InRange(cluster.IndexOf("^disconnected 1$"), 0, cluster.IndexOf("^exited 1 "));
    }
}
