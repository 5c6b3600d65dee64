using System.Globalization;

namespace ProcessCluster.AspNetCore.Tests;

/// <summary>A hosted service that runs in one worker, and goes to another one when that is gone.</summary>
public sealed class OncePerCluster : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory();

    public void Dispose() => _folder.Delete(recursive: true);

    [Theory]
    [InlineData("minimal")]
    [InlineData("host")]
    [InlineData("webhost")]
    public async Task It_runs_in_exactly_one_worker(string builder)
    {
        await using var web = await Started.Web(builder, workers: 3, ("ONCE", _folder.FullName));
        var runner = await Runner(web, 1);
        Assert.Contains(runner, await web.WorkerIds());
        Assert.Equal(1, web.Process.Count("^once started"));
        web.Process.Signal(Signal.SIGTERM);
        Assert.Equal(0, await web.Process.Exit(TimeSpan.FromSeconds(10)));
        Assert.Equal(web.Process.Count("^once started"), web.Process.Count("^once stopped"));
        Assert.Equal(0, web.Process.Count("twice"));
    }

    [Fact]
    public async Task When_its_worker_is_killed_another_one_runs_it()
    {
        await using var web = await Started.Web("minimal", workers: 3, ("ONCE", _folder.FullName));
        for (var i = 1; i <= 3; i++)
        {
            var runner = await Runner(web, i);
            TestProcess.SendSignal(runner, Signal.SIGKILL);
            Assert.NotEqual(runner, await Runner(web, i + 1));
        }
        Assert.Equal(0, web.Process.Count("twice|once stopped"));
    }

    [Fact]
    public async Task When_its_worker_leaves_it_is_stopped_there_before_it_is_started_elsewhere_while_requests_go_on()
    {
        await using var web = await Started.Web("minimal", workers: 2, ("ONCE", _folder.FullName));
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        for (var i = 1; i <= 3; i++)
        {
            var runner = await Runner(web, i);
            using var connection = await web.OpenTo(runner, deadline.Token);
            await connection.SendAsync(StrictConnection.Request("/slow?ms=2000"), deadline.Token);
            TestProcess.SendSignal(runner, Signal.SIGTERM);
            Assert.NotEqual(runner, await Runner(web, i + 1));
            Assert.Equal(0, web.Process.Count($@"\(process {runner}\) left")); // Its request still holds it up.
            Assert.Equal(200, (await connection.ReadAnswerAsync(deadline.Token)).Status);
            await web.Process.Expect($@"\(process {runner}\) left on request, exit code 0");
            var lines = web.Process.Output.Split(Environment.NewLine).Where(line => line.StartsWith("once ", StringComparison.Ordinal)).ToList();
            Assert.Equal($"once stopped {runner}", lines[^2]);
        }
        Assert.Equal(0, web.Process.Count("twice"));
    }

    [Fact]
    public async Task When_its_worker_stops_itself_another_one_runs_it()
    {
        await using var web = await Started.Web("minimal", workers: 2, ("ONCE", _folder.FullName));
        var runner = await Runner(web, 1);
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        using var connection = await web.OpenTo(runner, deadline.Token);
        Assert.Equal(200, (await connection.AskAsync(StrictConnection.Request("/stop"), deadline.Token)).Status);
        Assert.NotEqual(runner, await Runner(web, 2));
        Assert.Equal(1, web.Process.Count($"^once stopped {runner}$"));
        Assert.Equal(0, web.Process.Count("twice"));
    }

    [Theory]
    [InlineData("start")]
    [InlineData("execute")]
    public async Task One_that_fails_is_reported_and_run_by_another_worker(string where)
    {
        await using var web = await Started.Web("minimal", workers: 2, ("ONCE", _folder.FullName), ("MISBEHAVE", where));
        await web.Process.Expect(@"Once failed in worker \d+\. Another worker has its turn; this one asks again in 00:00:05\.");
        var failed = Number(await web.Process.Expect(@"on purpose in (\d+)"));
        Assert.NotEqual(failed, await Runner(web, where == "start" ? 1 : 2));
        Assert.Equal(0, web.Process.Count("twice|crashed"));
    }

    [Fact]
    public async Task One_that_does_not_stop_keeps_its_turn_until_its_process_is_gone()
    {
        await using var web = await Started.Web(
            "minimal", workers: 2, ("ONCE", _folder.FullName), ("MISBEHAVE", "linger"), ("ProcessCluster__DrainTimeout", "00:00:03"));
        var runner = await Runner(web, 1);
        TestProcess.SendSignal(runner, Signal.SIGTERM);
        Assert.NotEqual(runner, await Runner(web, 2));
        Assert.False(Directory.Exists($"/proc/{runner}"));
        Assert.Equal(0, web.Process.Count("twice"));
        await web.Process.Expect($@"\(process {runner}\) left on request, exit code 0"); // Not killed.
    }

    [Fact]
    public async Task One_whose_work_is_done_is_not_run_again_while_its_worker_lives()
    {
        await using var web = await Started.Web("minimal", workers: 2, ("ONCE", _folder.FullName), ("MISBEHAVE", "finish"));
        var runner = await Runner(web, 1);
        var other = (await web.WorkerIds()).Single(id => id != runner);
        TestProcess.SendSignal(other, Signal.SIGKILL);
        await web.Process.ExpectAll("^service started ", 3);
        Assert.Equal(1, web.Process.Count("^once started"));
        TestProcess.SendSignal(runner, Signal.SIGTERM);
        Assert.NotEqual(runner, await Runner(web, 2));
    }

    [Fact]
    public async Task Without_a_cluster_it_is_a_hosted_service_as_any_other()
    {
        await using var alone = await Started.Alone(("ProcessCluster__Enabled", "false"), ("ONCE", _folder.FullName));
        Assert.Equal(alone.Process.Id, await Runner(alone, 1));
        alone.Process.Signal(Signal.SIGTERM);
        Assert.Equal(0, await alone.Process.Exit(TimeSpan.FromSeconds(10)));
        Assert.Equal(1, alone.Process.Count($"^once stopped {alone.Process.Id}$"));
    }

    [Fact]
    public async Task A_worker_is_healthy_while_it_serves_and_not_while_it_leaves()
    {
        await using var web = await Started.Web("minimal", workers: 1);
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        using var connection = await web.Open(deadline.Token);
        var serving = await connection.AskAsync(StrictConnection.Request("/health"), deadline.Token);
        Assert.Equal((200, "cluster Healthy: Worker 1 serves. worker=1,state=Listening"), (serving.Status, Text(serving)));
        using var other = await web.Open(deadline.Token);
        await other.AskAsync(StrictConnection.Request("/"), deadline.Token);
        TestProcess.SendSignal((await web.WorkerIds())[0], Signal.SIGTERM);
        while (!(await other.AskAsync(StrictConnection.Request("/"), deadline.Token)).Closes)
            await Task.Delay(10, deadline.Token);
        var leaving = await connection.AskAsync(StrictConnection.Request("/health"), deadline.Token);
        Assert.Equal((503, "cluster Unhealthy: Worker 1 is leaving. worker=1,state=Draining"), (leaving.Status, Text(leaving)));
    }

    [Fact]
    public async Task A_program_without_a_cluster_is_healthy()
    {
        await using var alone = await Started.Alone(("ProcessCluster__Enabled", "false"));
        Assert.Contains("cluster Healthy: No cluster", await Client.Get(alone.Port, "/health"), StringComparison.Ordinal);
    }

    private static string Text(StrictAnswer answer) => System.Text.Encoding.UTF8.GetString(answer.Body);

    /// <summary>The process in which it was started for the n-th time.</summary>
    private static async Task<int> Runner(Started web, int time) => Number((await web.Process.ExpectAll(@"^once started (\d+)$", time, TimeSpan.FromSeconds(10)))[^1]);

    private static int Number(System.Text.RegularExpressions.Match match) => int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture);
}
