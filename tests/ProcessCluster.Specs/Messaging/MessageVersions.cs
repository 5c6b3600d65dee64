namespace ProcessCluster.Specs;

/// <summary>An old and a new version of one program in a cluster: each has members in its messages that the other does not know.</summary>
public sealed class MessageVersions
{
    private static readonly string Next = TestPaths.Built("tests/ProcessCluster.TestAppNext");

    [Fact]
    public async Task An_old_primary_and_a_new_worker_understand_each_other()
    {
        await using var cluster = TestProcess.Start("driver");
        cluster.Send($"configure Executable {Next}");
        cluster.Send("fork messages");
        cluster.Send("versioned 1");
        await cluster.Expect("^version: kept as it was not sent \\| $");
        cluster.Send("disconnect 1");
        await cluster.Expect("^exited 1 Requested code=0 ");
    }

    [Fact]
    public async Task A_new_primary_and_an_old_worker_understand_each_other()
    {
        await using var cluster = TestProcess.StartFile(Next, TestPaths.TestApp);
        await cluster.Expect("^version: kept 5 \\| 3$");
        Assert.Equal(0, await cluster.Exit());
    }

    [Fact]
    public async Task Old_and_new_workers_answer_the_same_primary()
    {
        await using var cluster = TestProcess.Start("driver");
        cluster.Send("fork messages");
        cluster.Send($"configure Executable {Next}");
        cluster.Send("fork messages");
        cluster.Send("versioned 1");
        cluster.Send("versioned 2");
        await cluster.Expect("^version: kept 7 \\| kept$");
        await cluster.Expect("^version: kept as it was not sent \\| $");
    }
}
