using System.Globalization;

namespace ProcessCluster.Specs;

/// <summary>A worker service that listens on nothing: the sample, which needs the package ProcessCluster.Hosting only.</summary>
public sealed class WorkerServices
{
    [Fact]
    public async Task It_starts_heals_scales_reloads_and_stops()
    {
        await using var service = Start("00:00:00.2");
        await service.Expect(@"A cluster of 2 workers has started\.$");
        await service.Expect("Application started");
        await service.Expect("^worker 1 .* has done job 1$");
        var victim = Process(await service.Expect(@"^worker 2 \(process (\d+)\) has done job 1$"));
        Assert.Equal(0, service.Count($@"\(process {service.Id}\)")); // The primary does no jobs.

        TestProcess.SendSignal(victim, Signal.SIGKILL);
        await service.Expect($@"Worker 2 \(process {victim}\) crashed, SIGKILL \(9\)");
        await service.Expect("^worker 3 .* has done job 1$");

        service.Signal(Signal.SIGTTIN);
        await service.Expect(@"Scaling from 2 workers to 3\.");
        await service.Expect("^worker 4 .* has done job 1$");

        service.Signal(Signal.SIGHUP);
        await service.Expect("The reload to generation 2 replaced 3 workers");
        await service.Expect("^worker 7 .* has done job 1$");

        service.Signal(Signal.SIGTERM);
        Assert.Equal(0, await service.Exit(TimeSpan.FromSeconds(10)));
        await service.ExpectNobodyLeft(TimeSpan.FromSeconds(1));
        Assert.Equal("", service.Errors);
        Assert.Equal(1, service.Count("Application started")); // Workers do not repeat it.
    }

    [Fact]
    public async Task A_worker_that_leaves_finishes_its_job()
    {
        await using var service = Start("00:00:02");
        await service.ExpectAll("begins job 1$", 2);
        service.Signal(Signal.SIGTERM);
        Assert.Equal(0, await service.Exit(TimeSpan.FromSeconds(10)));
        Assert.Equal(2, service.Count("has done job 1$"));
        Assert.Equal(0, service.Count("begins job 2$"));
        Assert.Equal(2, service.Count("left on request, exit code 0"));
    }

    [Fact]
    public async Task A_job_that_outlasts_the_drain_timeout_is_given_up()
    {
        await using var service = Start("00:10:00", ("ProcessCluster__DrainTimeout", "00:00:10"));
        await service.ExpectAll("begins job 1$", 2);
        service.Signal(Signal.SIGTERM);
        Assert.Equal(0, await service.Exit(TimeSpan.FromSeconds(30)));
        Assert.Equal(2, service.Count("left on request, exit code 0")); // The host gives up before the primary kills.
    }

    [Fact]
    public async Task A_service_that_runs_once_moves_when_its_worker_dies()
    {
        await using var service = Start("00:00:01");
        var reporter = (await service.Expect(@"^worker (\d+) reports$")).Groups[1].Value;
        TestProcess.SendSignal(Process(await service.Expect($@"^worker {reporter} \(process (\d+)\) begins job 1$")), Signal.SIGKILL);
        var next = (await service.ExpectAll(@"^worker (\d+) reports$", 2))[1].Groups[1].Value;
        Assert.NotEqual(reporter, next);
        service.Signal(Signal.SIGTERM);
        Assert.Equal(0, await service.Exit(TimeSpan.FromSeconds(10)));
    }

    [Fact]
    public async Task Without_a_cluster_it_is_one_process()
    {
        await using var service = Start("00:00:00.1", ("ProcessCluster__Enabled", "false"));
        await service.Expect($@"^worker  \(process {service.Id}\) has done job 1$");
        await service.Expect("^worker  reports$");
        Assert.Empty(service.Descendants);
        service.Signal(Signal.SIGTERM);
        Assert.Equal(0, await service.Exit(TimeSpan.FromSeconds(10)));
        Assert.Equal(0, service.Count("cluster"));
    }

    private static TestProcess Start(string jobTime, params (string, string)[] environment) => TestProcess.StartFile(
        TestPaths.Built("samples/WorkerService"), "", [("ProcessCluster__Workers", "2"), ("JobTime", jobTime), .. environment]);

    private static int Process(System.Text.RegularExpressions.Match match) => int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture);
}
