namespace ProcessCluster.Conformance;

/// <summary>How workers are started. Where Node merges settings and tells of them by an event, here one call sets all, and holds when it returns.</summary>
public sealed class Settings
{
    [Fact]
    public async Task cluster_cwd__it_is_the_primarys_until_it_is_set_and_then_that_of_later_workers()
    {
        await using var cluster = await Puppets.Start(1);
        cluster.Tell(1, "environment ANY");
        await cluster.Expect($"^worker 1 has ANY=nothing in {Environment.CurrentDirectory} ");
        cluster.Send("configure WorkingDirectory /usr");
        await cluster.Fork(1);
        cluster.Tell(2, "environment ANY");
        await cluster.Expect("^worker 2 has ANY=nothing in /usr ");
        cluster.Tell(1, "environment ANY");
        await cluster.ExpectAll($"^worker 1 has ANY=nothing in {Environment.CurrentDirectory} ", 2);
    }

    /// <summary>Adapted: sending tells nothing; it throws when the worker is gone.</summary>
    [Fact]
    public async Task cluster_fork_env__variables_of_a_fork_are_added_and_replace_the_primarys()
    {
        await using var cluster = TestProcess.Start("driver", ("OURS", "primary"), ("THEIRS", "primary"));
        cluster.Send("fork puppet THEIRS=fork NEW=fork");
        await cluster.Expect("^worker 1 is ready,");
        foreach (var (name, value) in ((string, string)[])[("OURS", "primary"), ("THEIRS", "fork"), ("NEW", "fork")])
        {
            cluster.Tell(1, $"environment {name}");
            await cluster.Expect($"^worker 1 has {name}={value} ");
        }
        await cluster.Fork(1);
        cluster.Tell(2, "environment THEIRS");
        await cluster.Expect("^worker 2 has THEIRS=primary "); // It was of that fork alone.
    }

    [Fact]
    public async Task cluster_setup_primary_argv__arguments_are_the_programs_own_unless_others_are_set()
    {
        await using var cluster = await Puppets.Start(TestProcess.Start("driver first second"), 1);
        cluster.Tell(1, "environment ANY");
        await cluster.Expect("^worker 1 has .* with driver,first,second$");
        cluster.Send("configure Arguments other");
        await cluster.Fork(1);
        cluster.Tell(2, "environment ANY");
        await cluster.Expect("^worker 2 has .* with other$");
    }

    /// <summary>Adapted: options are one object, which replaces the one before; what a program wants to keep it sets again.</summary>
    [Fact]
    public async Task cluster_setup_primary_cumulative__options_replace_those_before_as_a_whole()
    {
        await using var cluster = await Puppets.Start(0, "configure WorkingDirectory /usr", "configure Environment:MARK kept");
        await cluster.Fork(1);
        cluster.Tell(1, "environment MARK");
        await cluster.Expect($"^worker 1 has MARK=kept in {Environment.CurrentDirectory} with driver$");
    }

    /// <summary>Adapted: there is no event; what is wrong with options is thrown at the call, and changes nothing.</summary>
    [Fact]
    public async Task cluster_setup_primary_emit__options_hold_when_the_call_returns_and_wrong_ones_change_nothing()
    {
        await using var cluster = await Puppets.Start(0, "configure Environment:MARK right", "configure WorkingDirectory /nowhere");
        await cluster.Expect("^configured$");
        await cluster.Expect("^failed ArgumentException: .*/nowhere");
        await cluster.Fork(1);
        cluster.Tell(1, "environment MARK");
        await cluster.Expect("^worker 1 has MARK=right ");
        Assert.Equal(1, cluster.Count("^configured$"));
    }

    /// <summary>Adapted: instead of an event of each call, each worker has the options of its time.</summary>
    [Fact]
    public async Task cluster_setup_primary_multiple__each_worker_has_the_options_of_its_time()
    {
        await using var cluster = TestProcess.Start("driver");
        for (var i = 1; i <= 3; i++)
        {
            cluster.Send($"configure Environment:MARK {i}");
            await cluster.Fork(1);
        }
        for (var i = 1; i <= 3; i++)
        {
            cluster.Tell(i, "environment MARK");
            await cluster.Expect($"^worker {i} has MARK={i} ");
        }
    }

    [Fact]
    public async Task cluster_setup_primary__arguments_reach_workers_of_this_program_and_silent_ones_are_not_heard()
    {
        await using var cluster = await Puppets.Start(1, "handle", "configure Arguments one,two");
        cluster.Tell(1, "environment ANY");
        await cluster.Expect("^worker 1 has .* with one,two$");
        cluster.Send("configure SuppressOutput true");
        cluster.Send("fork puppet");
        await cluster.Expect("^online 2$");
        cluster.Tell(2, "environment ANY");
        cluster.Tell(2, "greet unheard 1");
        await cluster.Expect("^primary got unheard 0 from 2$"); // It runs, and has said what it has before that.
        cluster.Send("disconnect");
        await cluster.Expect("^all gone, 0 left$");
        Assert.Equal(0, cluster.Count("^worker 2 "));
    }
}
