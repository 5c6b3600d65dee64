namespace ProcessCluster.Specs;

/// <summary>Workers that do not keep to the protocol: what they break is their own link, named, and nobody else's.</summary>
public sealed class HostileWorkers
{
    /// <summary>A frame of 16 bytes more with the kind, the code, target, source and number that follow.</summary>
    private const string Header = "10000000";

    [Theory]
    [InlineData("ffffffff00", "A control frame says that it has -1 bytes; 1 to 4092 can be.")]
    [InlineData("0000000000", "A frame says that it has 0 bytes.", "A control frame says that it has 0 bytes; 1 to 4092 can be.")]
    [InlineData("0100000000", "A control frame has the unknown kind 0.")]
    [InlineData("010000001f", "A control frame has the unknown kind 31.")]
    [InlineData("020000000a00", "A control frame has 1 bytes too many.")]
    [InlineData("0100000005", "A control frame ends 4 bytes too early.")]
    [InlineData("020000000900", "it sent Disconnect, which a worker does not send.")]
    [InlineData("ffffff7f20", "A message frame says that it has 2147483647 bytes; 16 to 16777212 can be.")]
    [InlineData("0100000063", "A message frame says that it has 1 bytes; 16 to 16777212 can be.")]
    [InlineData(Header + "63000000" + "00000000" + "01000000" + "00000000", "A frame has the unknown kind 99.")]
    [InlineData(Header + "20050000" + "00000000" + "01000000" + "00000000", "A Message frame has 20 bytes, fewer than its own beginning and its name.")]
    [InlineData(Header + "20000000" + "00000000" + "02000000" + "00000000", "A Message frame says that it is of worker 2.")]
    [InlineData(Header + "22000000" + "02000000" + "00000000" + "00000000", "A Answer frame says that it is of worker 0.", "An Answer frame says that it is of worker 0.")]
    [InlineData(Header + "25000000" + "02000000" + "01000000" + "ffffffff", "A Credit frame is meant for worker 2; only the primary takes it.")]
    [InlineData(Header + "25000000" + "00000000" + "01000000" + "ffffffff", "it says that it has handled 4294967295 bytes of messages; so many were not sent to it.")]
    [InlineData(Header + "26006300" + "00000000" + "01000000" + "00000000", "A notice has the unknown code 99.")]
    [InlineData(Header + "23000100" + "00000000" + "01000000" + "00000000", "The body of a failure ends too early.")]
    [InlineData(Header + "23000100" + "02000000" + "01000000" + "00001000", "The body of a failure ends too early.")]
    public async Task Garbage_on_the_link_cuts_its_worker_off_and_touches_no_other(string bytes, string reason, string? orReason = null)
    {
        await using var cluster = await MessageSpecs.Workers(3);
        // Worker 2 waits for an answer of worker 1: its first request, which has the number 0x100000.
        cluster.Send("&relay-trouble 2 1 hang");
        await cluster.Expect("^worker 1 hangs$");
        cluster.Send($"&trouble 1 write:{bytes}");
        var exit = (await cluster.Expect("^exited 1 .*", MessageSpecs.Promptly)).Value;
        Assert.Contains("exited 1 Crashed code= signal=SIGKILL asked=False", exit, StringComparison.Ordinal);
        Assert.True(exit.EndsWith(reason, StringComparison.Ordinal) || (orReason is not null && exit.EndsWith(orReason, StringComparison.Ordinal)), exit);
        await cluster.ExpectError(@"ProcessCluster: worker 1 \(process \d+\) was cut off: ");
        await cluster.Expect("^relayed: PeerGoneException: worker 1 ", MessageSpecs.Promptly);

        cluster.Send("relay 2 3 4");
        cluster.Send("relay 3 2 5");
        await cluster.Expect("^relayed: square 16$");
        await cluster.Expect("^relayed: square 25$");
        Assert.Equal(1, cluster.Count("^exited "));
    }

    [Fact]
    public async Task A_failure_with_an_unknown_code_cuts_off_the_worker_that_sent_it_and_not_the_one_that_gets_it()
    {
        await using var cluster = await MessageSpecs.Workers(2);
        cluster.Send("&relay-trouble 2 1 hang");
        await cluster.Expect("^worker 1 hangs$");
        // Three empty texts.
        cluster.Send($"&trouble 1 write:1c000000{"23006300"}{"02000000"}{"01000000"}{"00001000"}{"000000000000000000000000"}");
        Assert.EndsWith("A failure has the unknown code 99.", (await cluster.Expect("^exited 1 .*", MessageSpecs.Promptly)).Value, StringComparison.Ordinal);
        await cluster.Expect("^relayed: PeerGoneException: worker 1 ", MessageSpecs.Promptly);
        cluster.Send("ask 2 6");
        await cluster.Expect("^answer 36$");
    }

    [Theory]
    [InlineData("22000000" + "02000000" + "01000000" + "00001000")] // An answer to what nobody asked this worker.
    [InlineData("22000000" + "00000000" + "01000000" + "99999900")]
    [InlineData("24000000" + "02000000" + "01000000" + "99999900")] // Calls off what it has not asked.
    [InlineData("20000000" + "63000000" + "01000000" + "00000000")] // To a worker that is not there.
    [InlineData("21000000" + "ffffffff" + "01000000" + "07000000")] // A request to everybody.
    public async Task Frames_that_could_be_late_ones_are_let_go(string frame)
    {
        await using var cluster = await MessageSpecs.Workers(3);
        cluster.Send("&relay-trouble 2 3 hang"); // The answer that is forged would be to this.
        await cluster.Expect("^worker 3 hangs$");
        cluster.Send($"trouble 1 write:{Header}{frame}");
        await cluster.Expect("^answer 0$", MessageSpecs.Promptly);
        cluster.Send("relay 1 2 4");
        await cluster.Expect("^relayed: square 16$");
        cluster.Send("disconnect 3");
        await cluster.Expect("^relayed: PeerGoneException: worker 3 ");
        await cluster.Expect("^exited 3 ");
        Assert.Equal(0, cluster.Count("^relayed: answer"));
        Assert.Equal(1, cluster.Count("^exited "));
    }

    [Fact]
    public async Task A_frame_that_is_cut_short_by_the_end_of_its_worker_is_no_fault()
    {
        await using var cluster = await MessageSpecs.Workers(2);
        cluster.Send("&trouble 1 cut-short");
        var exit = await cluster.Expect("^exited 1 .*", MessageSpecs.Promptly);
        Assert.Contains("Crashed code=9 signal= asked=False", exit.Value, StringComparison.Ordinal);
        Assert.EndsWith("crashed, exit code 9", exit.Value, StringComparison.Ordinal);
        cluster.Send("ask 2 5");
        await cluster.Expect("^answer 25$");
    }

    [Fact]
    public async Task Another_version_of_the_protocol_is_refused_and_both_are_named()
    {
        await using var cluster = await MessageSpecs.Workers(1);
        cluster.Send("fork raw RAW=0900000001" + "02000000" + "01000000");
        var exit = await cluster.Expect("^exited 2 .*", MessageSpecs.Promptly);
        Assert.Contains("FailedAtBoot", exit.Value, StringComparison.Ordinal);
        Assert.EndsWith(
            "it speaks version 2 of the protocol, this primary version 1. Run the same version of ProcessCluster in both.",
            exit.Value,
            StringComparison.Ordinal);
        cluster.Send("ask 1 5");
        await cluster.Expect("^answer 25$");
    }

    [Fact]
    public async Task A_message_that_imitates_control_frames_is_a_message()
    {
        await using var cluster = TestProcess.Start("driver");
        cluster.Send("handle");
        cluster.Send("fork imitate");
        await cluster.ExpectAll("^primary got 500 bytes from 1$", 40);
        await cluster.Expect("^primary got NODE_CLUSTER 1 from 1$");
        await cluster.Expect("^worker 1 handles$");
        cluster.Send("workers");
        await cluster.Expect("^workers 1:Online$");
        cluster.Send("ask 1 5");
        await cluster.Expect("^answer 25$");
        Assert.Equal(0, cluster.Count("^(disconnected|listening|exited) "));
    }

    [Fact]
    public async Task Another_serializer_is_an_error_that_says_so_and_the_link_goes_on()
    {
        await using var cluster = TestProcess.Start("driver");
        cluster.Send("handle");
        cluster.Send("fork wrong-serializer");
        await cluster.Expect("^worker 1 handles$");
        cluster.Send("ask 1 5");
        await cluster.Expect(@"^failed ClusterMessageException: The request \S*Ask could not be read in worker 1 \(process \d+\): ");
        cluster.Send("send 1 hello 1");
        await cluster.ExpectError(@"The message \S*Greeting of The primary could not be read and is lost\.");
        await cluster.ExpectError(@"worker 1 \(process \d+\) could not read the message \S*Greeting: ");
        Assert.Equal(0, cluster.Count("^exited "));
        cluster.Send("disconnect 1");
        await cluster.Expect("^exited 1 Requested code=0 ");
    }
}
