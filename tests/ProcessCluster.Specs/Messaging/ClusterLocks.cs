namespace ProcessCluster.Specs;

/// <summary>Locks that one process of a cluster holds at a time.</summary>
public sealed class ClusterLocks
{
    [Fact]
    public async Task Who_asks_first_gets_it_first_and_gives_it_on_when_he_is_done()
    {
        await using var primary = TestProcess.Start("driver");
        for (var i = 1; i <= 3; i++)
        {
            primary.Send("fork lock");
            await primary.Expect($"^{i} wants test$");
        }
        await primary.Expect("^1 has test$");
        for (var i = 1; i <= 2; i++)
        {
            Assert.Equal(0, primary.Count($"^{i + 1} has test$"));
            primary.Send($"disconnect {i}");
            await primary.Expect($"^{i + 1} has test$");
            Assert.True(Place(primary, $"{i} gives test") < Place(primary, $"{i + 1} has test"));
        }
    }

    [Fact]
    public async Task A_holder_that_is_killed_loses_it_to_the_next_one()
    {
        await using var primary = TestProcess.Start("driver");
        primary.Send("fork lock");
        await primary.Expect("^1 has test$");
        primary.Send("fork lock");
        primary.Send("fork lock NAME=another");
        await primary.Expect("^2 wants test$");
        await primary.Expect("^3 has another$");
        primary.Send("kill 1 SIGKILL");
        await primary.Expect("^2 has test$", TimeSpan.FromSeconds(5));
        Assert.Equal(0, primary.Count("lost|gives"));
    }

    [Fact]
    public async Task Who_gives_up_waiting_gives_up_his_place()
    {
        await using var primary = TestProcess.Start("driver");
        primary.Send("lock test");
        await primary.Expect("^primary has test$");
        primary.Send("fork lock");
        await primary.Expect("^1 wants test$");
        primary.Send("fork lock");
        await primary.Expect("^2 wants test$");
        primary.Send("disconnect 1");
        await primary.Expect("^gone 1$");
        Assert.Equal(1, primary.Count("^1 gave up$"));
        primary.Send("unlock");
        await primary.Expect("^2 has test$");
        primary.Send("&lock test");
        primary.Send("kill 2 SIGKILL");
        await primary.ExpectAll("^primary has test$", 2);
    }

    [Fact]
    public async Task A_worker_that_disconnects_itself_keeps_its_link_until_it_has_given_it_back()
    {
        await using var primary = TestProcess.Start("driver");
        primary.Send("fork lock-and-leave");
        await primary.Expect("^1 has test$");
        primary.Send("fork lock");
        await primary.Expect("^2 has test$");
        await primary.Expect("^1 left, connected=True$");
        await primary.Expect("^1 caught The lock 'another' cannot be had: the worker has left the cluster.$");
        Assert.True(Place(primary, "1 gives test") < Place(primary, "2 has test"));
        await primary.Expect("^1 gave it, connected=False$");
        await primary.Expect("^exited 1 Requested code=0");
    }

    [Fact]
    public async Task A_holder_whose_primary_is_gone_is_told()
    {
        await using var primary = TestProcess.Start("driver");
        primary.Send("fork lock");
        await primary.Expect("^1 has test$");
        primary.Signal(Signal.SIGKILL);
        await primary.Expect("^1 lost test$");
        await primary.ExpectNobodyLeft(TimeSpan.FromSeconds(3));
    }

    [Fact]
    public async Task There_are_never_two_holders()
    {
        var directory = Directory.CreateTempSubdirectory();
        try
        {
            await using var primary = TestProcess.Start("driver");
            for (var i = 0; i < 4; i++)
                primary.Send($"fork lock-briefly FILE={directory.FullName}/held");
            await primary.ExpectAll(@"^\d had its turns$", 4);
            await primary.ExpectAll("^exited . Completed code=0", 4);
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }

    [Fact]
    public async Task More_than_1024_are_an_error_that_says_so()
    {
        await using var primary = TestProcess.Start("driver");
        primary.Send("fork lock-too-many");
        await primary.Expect("^1 caught The lock 'test' was not asked for: this process holds or waits for 1024 locks.");
        await primary.Expect("^1 has 1024, and one more: True$");
        await primary.Expect("^exited 1 Completed code=0");
        primary.Send("lock test");
        await primary.Expect("^primary has test$");
    }

    [Theory]
    [InlineData("lock-too-many", "^0 has 1024, and one more: True$")]
    public async Task Outside_a_cluster_a_lock_is_the_process_s_own(string role, string said)
    {
        await using var alone = TestProcess.Start("alone", ("ROLE", role));
        Assert.Equal(0, await alone.Exit());
        await alone.Expect(said);
    }

    private static int Place(TestProcess process, string line)
    {
        var place = Array.IndexOf(process.Output.Split(Environment.NewLine), line);
        return place >= 0 ? place : throw new Xunit.Sdk.XunitException($"'{line}' was not said. {process.Describe()}");
    }
}
