namespace ProcessCluster.AspNetCore.Tests;

/// <summary>What is around a clustered application: its terminal, tools, other libraries' logs, and its own code around the builder.</summary>
public sealed class Surroundings
{
    [Fact]
    public async Task Requests_in_flight_finish_when_the_terminal_closes()
    {
        using var terminal = new Terminal();
        await using var web = terminal.Start(
            $"$APP web minimal </dev/null & job=$!; {Terminal.TellsItsJob}; wait; wait",
            ("ASPNETCORE_URLS", "http://127.0.0.1:0"), ("ProcessCluster__Workers", "2"), ("RESULT", "/dev/null"));
        var address = (await web.Expect(@"A cluster of 2 workers listens on (\S+?)\.$")).Groups[1].Value;
        using var client = Client.PerRequest(address);
        var slow = client.GetStringAsync("/slow?ms=1500");
        await Task.Delay(500); // It is being executed: a third of its time has gone by.
        terminal.Close();
        Assert.StartsWith("slow ", await slow, StringComparison.Ordinal);
        await web.Expect("The terminal is gone");
        await web.ExpectNobodyLeft(TimeSpan.FromSeconds(10));
    }

    [Fact]
    public async Task Under_dotnet_watch_it_stays_one_process_and_says_so()
    {
        await using var web = await Started.Alone(("DOTNET_WATCH", "1"));
        await web.Process.Expect("No cluster: dotnet watch changes the code of one process");
        Assert.Empty(web.Process.Descendants);
    }

    [Theory]
    [InlineData("throw", "failed at boot, SIGABRT", "IOException: the file is locked by another process")]
    [InlineData("return", "ended by itself, exit code 0", "the last line before it ends")]
    public async Task A_program_that_ends_before_its_host_starts_is_explained_at_the_start(string how, string exit, string words)
    {
        await using var web = TestProcess.Start(
            "web minimal", ("ASPNETCORE_URLS", "http://127.0.0.1:0"), ("ProcessCluster__Workers", "2"), ("EARLY", Early(how)), ("CATCH", "1"));
        Assert.Equal(3, await web.Exit());
        var message = (await web.Expect("^caught in .*")).Value;
        Assert.Contains(exit, message, StringComparison.Ordinal);
        AssertExplained(message, words);
    }

    [Fact]
    public async Task A_program_that_ends_before_its_host_starts_is_explained_at_a_reload_and_in_the_log()
    {
        var early = Path.Combine(Directory.CreateTempSubdirectory().FullName, "early");
        await using var web = await Started.Web("minimal", workers: 1, ("EARLY", early), ("ProcessCluster__Restart__InitialDelay", "00:00:00.100"));
        await File.WriteAllTextAsync(early, "throw");
        web.Process.Signal(Signal.SIGHUP);
        AssertExplained((await web.Process.Expect("The reload to generation 2 failed .*")).Value, "the file is locked by another process");
        TestProcess.SendSignal((await web.WorkerIds())[0], Signal.SIGKILL);
        AssertExplained((await web.Process.Expect(@"Worker \d+ \(process \d+\) failed at boot.*")).Value, "the file is locked by another process");
    }

    [Theory]
    [InlineData("ASPNETCORE_URLS")]
    [InlineData("RUN_URL")]
    [InlineData("Kestrel__Endpoints__Http__Url")]
    public async Task The_primary_shows_the_addresses_when_it_has_started(string by)
    {
        await using var web = TestProcess.Start("web minimal", (by, "http://127.0.0.1:0"), ("ProcessCluster__Workers", "1"), ("SHOW_URLS", "1"));
        var address = (await web.Expect(@"A cluster of 1 workers listens on (\S+?)\.$")).Groups[1].Value;
        Assert.Equal(address, (await web.Expect($@"^urls {web.Id} (\S*)$")).Groups[1].Value);
    }

    [Fact]
    public async Task A_server_that_can_be_configured_in_workers_only_serves()
    {
        await using var web = await Started.Web("host", workers: 1, ("KESTREL_FOR_WORKERS", "1"));
        await web.Process.Expect("The primary cannot show the addresses");
        using var client = Client.PerRequest(web.Address);
        await client.GetStringAsync("/");
    }

    [Theory]
    [InlineData("own")]
    [InlineData("own-late")]
    [InlineData("serilog")]
    [InlineData("serilog-late")]
    public async Task Workers_repeat_nothing_with_loggers_of_another_library(string logs)
    {
        await using var web = await Started.Web("minimal", workers: 2, ("LOGS", logs));
        await web.WorkerIds();
        web.Process.Signal(Signal.SIGTERM);
        Assert.Equal(0, await web.Process.Exit());
        Assert.Equal(0, web.Process.Count("Now listening on"));
        Assert.Equal(1, web.Process.Count("listens on"));
        if (logs.StartsWith("own", StringComparison.Ordinal))
            Assert.Equal(3, web.Process.Count("^loggers disposed")); // Once in each process.
    }

    [Theory]
    [InlineData("own-late")]
    [InlineData("serilog-late")]
    public async Task A_failed_start_is_told_once_with_loggers_of_another_library(string logs)
    {
        await using var web = TestProcess.Start(
            "web minimal", ("ASPNETCORE_URLS", "http://127.0.0.1:0"), ("ProcessCluster__Workers", "2"), ("FAIL_START", "1"), ("CATCH", "1"), ("LOGS", logs));
        Assert.Equal(3, await web.Exit());
        Assert.Equal(2, (web.Output + web.Errors).Split("the database is not there").Length);
    }

    [Theory]
    [InlineData("Development", "", true)]
    [InlineData("Development", " shared", false)]
    [InlineData("Production", "", false)]
    public async Task A_log_file_that_workers_destroy_for_each_other_is_told_in_development(string environment, string shared, bool isTold)
    {
        var folder = Directory.CreateTempSubdirectory();
        try
        {
            var path = Path.Combine(folder.FullName, "web.log");
            await using (var web = await Started.Web("minimal", workers: 2, ("LOGS", $"serilog-file {path}{shared}"), ("ASPNETCORE_ENVIRONMENT", environment)))
            {
                var told = $@"Workers .* write the file .*{Path.GetFileName(path)}.* at positions of their own";
                using var client = Client.PerRequest(web.Address);
                for (var i = 0; i < 10; i++)
                    await client.GetStringAsync("/"); // Each is a line.
                if (isTold)
                    await web.Process.Expect(told);
                else
                    await Task.Delay(TimeSpan.FromSeconds(7)); // Nothing happens, at its first two looks: that is what is looked for.
                Assert.Equal(isTold ? 1 : 0, web.Process.Count(told));
            }
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static string Early(string how)
    {
        var path = Path.Combine(Directory.CreateTempSubdirectory().FullName, "early");
        File.WriteAllText(path, how);
        return path;
    }

    private static void AssertExplained(string message, string words)
    {
        Assert.Contains(words, message, StringComparison.Ordinal);
        Assert.Contains("runs in the primary and in every worker", message, StringComparison.Ordinal);
        Assert.Contains("docs/guides/aspnetcore.md, 'What runs where'", message, StringComparison.Ordinal);
    }
}
