namespace ProcessCluster.Specs;

/// <summary>Systems that show little of themselves.</summary>
public sealed class HiddenFileSystems
{
    /// <summary>
    /// As systemd has it with <c>ProcSubset=pid</c>, and without control groups. It takes namespaces, which some machines forbid; there the shell says so, and nothing more can be seen here.
    /// </summary>
    [Theory]
    [InlineData("mount -t proc -o subset=pid proc /proc")]
    [InlineData("mount -t proc -o subset=pid,hidepid=2 proc /proc && mount -t tmpfs none /sys")]
    public async Task A_cluster_starts_reloads_and_ends_where_proc_shows_processes_only(string hide)
    {
        await using var cluster = TestProcess.StartFile(
            "sh", $"-c \"exec unshare --map-root-user --user --mount --pid --fork --kill-child sh -c '{hide} || {{ echo forbidden; exit; }}; cd / && test ! -e /proc/meminfo && exec {TestPaths.TestApp} driver' || echo forbidden\"");
        var first = await cluster.Expect("^(primary|forbidden)");
        if (first.Value == "forbidden")
            return;
        cluster.Send("configure Workers 2 DrainTimeout 00:00:10 Environment:ROLE echo SoakTime 00:00:00.050 Recycle:MaxMemory 2000000000");
        cluster.Send("start");
        await cluster.Expect("^started at ");
        cluster.Send("reload");
        await cluster.Expect("^reload succeeded=True");
        cluster.Send("disconnect");
        await cluster.Expect("^all gone, 0 left");
        cluster.Send("exit"); // A signal would have to be sent within the namespace.
        await cluster.Exit();
        Assert.DoesNotContain("unexpected error", cluster.Errors, StringComparison.Ordinal);
    }
}
