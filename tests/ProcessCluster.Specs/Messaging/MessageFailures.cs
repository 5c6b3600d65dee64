using System.Diagnostics;

namespace ProcessCluster.Specs;

/// <summary>Requests and messages that do not get on: each ends, soon, with an error that says who and why.</summary>
public sealed class MessageFailures
{
    [Fact]
    public async Task A_request_to_a_worker_that_is_killed_fails_at_once_and_names_the_worker_and_its_exit()
    {
        await using var cluster = await MessageSpecs.Workers(1);
        cluster.Send("&trouble 1 hang");
        await cluster.Expect("^worker 1 hangs$");
        TestProcess.SendSignal(await cluster.ProcessOf(1), Signal.SIGKILL);
        await cluster.Expect(@"^failed PeerGoneException: worker 1 \(process \d+\) crashed, SIGKILL \(9\)", MessageSpecs.Promptly);
    }

    [Fact]
    public async Task A_request_to_a_worker_that_ends_fails_with_its_exit_code()
    {
        await using var cluster = await MessageSpecs.Workers(1);
        cluster.Send("trouble 1 42");
        await cluster.Expect(@"^failed PeerGoneException: worker 1 \(process \d+\) crashed, exit code 42\.$", MessageSpecs.Promptly);
    }

    [Fact]
    public async Task A_request_of_one_worker_to_another_that_is_killed_fails_at_once_and_names_the_worker_and_its_exit()
    {
        await using var cluster = await MessageSpecs.Workers(2);
        cluster.Send("&relay-trouble 2 1 hang");
        await cluster.Expect("^worker 1 hangs$");
        cluster.Send("kill 1 SIGKILL");
        await cluster.Expect(
            @"^relayed: PeerGoneException: worker 1 \(process \d+\) was killed by the primary, SIGKILL \(9\)\.$", MessageSpecs.Promptly);
    }

    [Fact]
    public async Task A_handler_sees_that_the_worker_is_gone_that_asked()
    {
        await using var cluster = await MessageSpecs.Workers(2);
        cluster.Send("&relay-trouble 2 1 hang");
        await cluster.Expect("^worker 1 hangs$");
        cluster.Send("kill 2 SIGKILL");
        await cluster.Expect("^worker 1 was called off$", MessageSpecs.Promptly);
        cluster.Send("ask 1 5");
        await cluster.Expect("^answer 25$");
    }

    [Fact]
    public async Task Sending_to_a_worker_that_is_gone_is_an_error_in_the_primary()
    {
        await using var cluster = await MessageSpecs.Workers(1);
        cluster.Send("kill 1 SIGKILL");
        await cluster.Expect("^exited 1 ");
        cluster.Send("send 1 hello 1");
        cluster.Send("ask 1 1");
        cluster.Send("send-to 1 hello 1");
        cluster.Send("send-to 7 hello 1");
        await cluster.ExpectAll(@"^failed PeerGoneException: worker 1 \(process \d+\) was killed by the primary, SIGKILL \(9\)\.$", 2);
        await cluster.Expect("^failed PeerGoneException: .*worker 1", MessageSpecs.Promptly);
        await cluster.Expect("^failed PeerGoneException: .*worker 7", MessageSpecs.Promptly);
        Assert.Equal(0, cluster.Count("^sent "));
    }

    [Fact]
    public async Task Sending_to_a_worker_that_is_gone_is_an_error_in_a_worker()
    {
        await using var cluster = await MessageSpecs.Workers(2);
        cluster.Send("kill 1 SIGKILL");
        await cluster.Expect("^exited 1 ");
        cluster.Send("relay 2 1 3");
        await cluster.Expect("^relayed: PeerGoneException: There is no worker 1: it has ended, or never was\\.$", MessageSpecs.Promptly);
        cluster.Send("relay-trouble 2 9 hang");
        await cluster.Expect("^relayed: PeerGoneException: There is no worker 9: it has ended, or never was\\.$", MessageSpecs.Promptly);
    }

    [Fact]
    public async Task What_a_handler_throws_is_told_with_its_type_and_message()
    {
        await using var cluster = await MessageSpecs.Workers(2);
        cluster.Send("trouble 1 throw");
        await cluster.Expect(
            @"^failed RemoteHandlerException: The handler of \S*Trouble in worker 1 \(process \d+\) threw System\.FormatException: on purpose$");
        cluster.Send("relay-trouble 1 2 throw");
        await cluster.Expect(
            @"^relayed: RemoteHandlerException: The handler of \S*Trouble in worker 2 threw System\.FormatException: on purpose$");
    }

    [Fact]
    public async Task A_request_that_nobody_handles_fails_and_says_so()
    {
        await using var cluster = TestProcess.Start("driver");
        cluster.Send("fork idle");
        cluster.Send("ask 1 1");
        await cluster.Expect(@"^failed ClusterMessageException: Nobody handles requests of \S*Ask in worker 1 \(process \d+\)\.", TimeSpan.FromSeconds(10));
    }

    [MeasuresTime]
    [Fact]
    public async Task A_request_ends_at_its_deadline_and_its_handler_is_called_off()
    {
        await using var cluster = await MessageSpecs.Workers(1);
        var watch = Stopwatch.StartNew();
        cluster.Send("trouble 1 hang 300");
        await cluster.Expect(@"^failed TimeoutException: worker 1 \(process \d+\) did not answer \S*Trouble in time\.$", MessageSpecs.Promptly);
        Assert.InRange(watch.ElapsedMilliseconds, 300, 2_000);
        await cluster.Expect("^worker 1 was called off$", MessageSpecs.Promptly);
    }

    [Fact]
    public async Task A_handler_sees_that_its_request_was_called_off()
    {
        await using var cluster = await MessageSpecs.Workers(1);
        cluster.Send("&call-off 1");
        await cluster.Expect("^worker 1 hangs$");
        Assert.Equal(0, cluster.Count("called off"));
        cluster.Send("called-off");
        await cluster.Expect("^worker 1 was called off$", MessageSpecs.Promptly);
        await cluster.Expect("^failed OperationCanceledException", MessageSpecs.Promptly);
    }

    [Fact]
    public async Task A_handler_of_messages_that_throws_stops_nothing_and_is_logged()
    {
        await using var cluster = await MessageSpecs.Workers(1);
        cluster.Send("send 1 throw 10"); // Every second one.
        cluster.Send("send 1 end 1");
        await cluster.Expect("^worker 1 got end 0 from 0$");
        Assert.Equal([1, 3, 5, 7, 9], await cluster.Numbers(@"^worker 1 got throw (\d) from 0$", 5));
        await cluster.ExpectError("A handler of a message of The primary threw");
        cluster.Send("ask 1 5");
        await cluster.Expect("^answer 25$");
    }
}
