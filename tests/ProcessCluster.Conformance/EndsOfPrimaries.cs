namespace ProcessCluster.Conformance;

/// <summary>Whichever way the primary ends, its workers do, too: within two seconds here.</summary>
public sealed class EndsOfPrimaries
{
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(2);

    /// <summary>Adapted: an unhandled exception ends a .NET process with SIGABRT, exit code 134 for who waits for it.</summary>
    [Fact]
    public async Task cluster_primary_error__an_unhandled_exception_of_the_primary_is_the_end_of_every_worker()
    {
        await using var cluster = await Puppets.Start(2);
        await cluster.Listen(1);
        cluster.Send("fail");
        Assert.Equal(134, await cluster.Exit());
        await cluster.ExpectNobodyLeft(Soon);
    }

    [Fact]
    public async Task cluster_primary_kill__a_primary_that_exits_with_code_0_is_the_end_of_every_worker()
    {
        await using var cluster = await Puppets.Start(2);
        await cluster.Listen(1);
        cluster.Send("exit 0");
        Assert.Equal(0, await cluster.Exit());
        await cluster.ExpectNobodyLeft(Soon);
    }

    /// <summary>Adapted: a handler cannot undo an unhandled exception, but it can choose the exit code.</summary>
    [Fact]
    public async Task cluster_uncaught_exception__a_handler_of_the_primary_decides_the_exit_code()
    {
        await using var cluster = await Puppets.Start(1);
        cluster.Send("fail 42");
        Assert.Equal(42, await cluster.Exit());
        await cluster.ExpectNobodyLeft(Soon);
    }
}
