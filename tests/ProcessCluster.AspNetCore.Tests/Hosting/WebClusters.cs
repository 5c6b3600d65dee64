using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace ProcessCluster.AspNetCore.Tests;

/// <summary>A web application with one line more, as real processes.</summary>
public sealed class WebClusters
{
    [Theory]
    [InlineData("minimal")]
    [InlineData("host")]
    [InlineData("webhost")]
    [InlineData("service-defaults")]
    [InlineData("minimal-host")]
    [InlineData("minimal-webhost")]
    public async Task Every_worker_answers_requests_on_new_connections(string builder)
    {
        await using var web = await Started.Web(builder, workers: 3);
        using var client = Client.PerRequest(web.Address);
        var answers = new List<string>();
        for (var i = 0; i < 40; i++)
            answers.Add(await client.GetStringAsync("/"));
        Assert.Equal(3, answers.Distinct().Count());
        Assert.DoesNotContain(web.Process.Id.ToString(CultureInfo.InvariantCulture), answers);
        Assert.Equal(await web.WorkerIds(), answers.Select(int.Parse).Distinct().Order());
    }

    [Fact]
    public async Task The_primary_says_once_where_the_cluster_listens_and_workers_do_not_repeat_it()
    {
        await using var web = await Started.Web("minimal", workers: 2);
        await web.Process.Expect("Content root path");
        Assert.Equal(1, web.Process.Count("listening|listens on"));
        Assert.Equal(1, web.Process.Count("Application started"));
        Assert.Equal(1, web.Process.Count("A cluster of 2 workers listens on http://127.0.0.1:"));
    }

    [Fact]
    public async Task Hosted_services_are_constructed_and_started_in_workers_and_never_in_the_primary()
    {
        await using var web = await Started.Web("minimal", workers: 2);
        var started = await web.Process.ExpectAll(@"^service started (\d+)$", 2);
        Assert.Equal(await web.WorkerIds(), started.Select(Number).Order());
        Assert.Equal(0, web.Process.Count($"^service constructed {web.Process.Id}$"));
        // The code around the builder runs everywhere.
        Assert.Equal(1, web.Process.Count($"^main {web.Process.Id}$"));
    }

    [Fact]
    public async Task A_host_without_a_server_is_a_cluster_of_services()
    {
        await using var host = TestProcess.Start("web workers-only", ("ProcessCluster__Workers", "2"));
        var started = await host.ExpectAll(@"^service started (\d+)$", 2);
        await host.Expect("A cluster of 2 workers listens on no port");
        Assert.DoesNotContain(host.Id, started.Select(Number));
        host.Signal(Signal.SIGTERM);
        Assert.Equal(0, await host.Exit(TimeSpan.FromSeconds(5)));
        Assert.Equal(2, host.Count("^service stopped "));
    }

    [Fact]
    public async Task A_background_service_that_throws_is_logged_and_its_worker_replaced()
    {
        await using var host = TestProcess.Start("web application", ("ProcessCluster__Workers", "1"), ("FAIL_BACKGROUND", "300"));
        await host.ExpectAll(@"^service started (\d+)$", 3);
        // .NET logs it twice: as failed, and as what stops the host.
        await host.ExpectAll("InvalidOperationException: the queue is gone", 4);
        await host.ExpectAll(@"Worker \d \(process \d+\) left on request, exit code 0", 2);
        host.Signal(Signal.SIGTERM);
        Assert.Equal(0, await host.Exit(TimeSpan.FromSeconds(10)));
    }

    [Fact]
    public async Task A_background_service_that_throws_while_its_worker_starts_is_logged()
    {
        await using var host = TestProcess.Start("web application", ("ProcessCluster__Workers", "1"), ("FAIL_BACKGROUND", "0"));
        await host.ExpectAll("InvalidOperationException: the queue is gone", 2);
        await host.Expect(@"Worker 1 \(process \d+\) left on request, exit code 0");
    }

    [MeasuresTime]
    [Fact]
    public async Task A_killed_worker_is_replaced_and_only_what_it_executed_fails()
    {
        var executed = Directory.CreateTempSubdirectory();
        try
        {
            await using var web = await Started.Web("minimal", workers: 3, ("EXECUTED", executed.FullName));
            var victim = (await web.WorkerIds())[1];
            var failed = new ConcurrentBag<int>();
            var answered = new ConcurrentDictionary<int, int>();
            using var end = new TestEnd();
            var next = 0;
            async Task Ask()
            {
                while (!end.IsCancellationRequested)
                {
                    var id = Interlocked.Increment(ref next);
                    try
                    {
                        var answer = await Client.Get(web.Port, $"/execute?id={id}");
                        answered[id] = Number(System.Text.RegularExpressions.Regex.Match(answer, $@"\b{id} (\d+)"));
                    }
                    catch (Exception exception) when (exception is SocketException or IOException)
                    {
                        failed.Add(id);
                    }
                }
            }

            const int clients = 12;
            var asking = Enumerable.Range(0, clients).Select(_ => Ask()).ToList();
            await Wait.Until(() => answered.Values.Contains(victim));
            TestProcess.SendSignal(victim, Signal.SIGKILL);
            var replaced = web.Process.ExpectAll(@"^service started (\d+)$", 4, TimeSpan.FromSeconds(8)); // Clients take both processors.
            var replacement = Number((await replaced)[3]);
            await Wait.Until(() => answered.Values.Contains(replacement), within: TimeSpan.FromSeconds(8));
            await end.CancelAsync();
            await Task.WhenAll(asking);

            await web.Process.Expect(@"Worker \d+ \(process " + victim.ToString(CultureInfo.InvariantCulture) + @"\) crashed, SIGKILL \(9\)");
            Assert.InRange(failed.Count, 0, clients);
            var executions = executed.EnumerateFiles()
                .SelectMany(file => File.ReadLines(file.FullName), (file, id) => (Id: int.Parse(id, CultureInfo.InvariantCulture), Worker: int.Parse(file.Name, CultureInfo.InvariantCulture)))
                .ToLookup(execution => execution.Id, execution => execution.Worker);
            // No request that failed was another worker's, and none was executed twice.
            Assert.All(failed, id => Assert.All(executions[id], worker => Assert.Equal(victim, worker)));
            Assert.All(answered.Keys, id => Assert.Single(executions[id]));
        }
        finally
        {
            executed.Delete(recursive: true);
        }
    }

    [Theory]
    [InlineData("/exit?code=42", "crashed, exit code 42")]
    [InlineData("/crash", "crashed, SIGABRT")]
    [InlineData("/stop", "left on request, exit code 0")]
    public async Task A_worker_that_ends_is_replaced_whatever_ended_it(string path, string exit)
    {
        await using var web = await Started.Web("minimal", workers: 2);
        using var client = Client.PerRequest(web.Address);
        _ = await Record.ExceptionAsync(() => client.GetStringAsync(path));
        await web.Process.Expect($@"Worker \d+ \(process \d+\) {exit}");
        await web.Process.ExpectAll("^service started ", 3);
        for (var i = 0; i < 6; i++)
            await client.GetStringAsync("/");
    }

    [Theory]
    [InlineData(Signal.SIGTERM, false)]
    [InlineData(Signal.SIGINT, false)]
    [InlineData(Signal.SIGINT, true)]
    public async Task At_a_signal_requests_in_flight_finish_and_nothing_is_left(Signal signal, bool toTheWholeGroup)
    {
        await using var web = await Started.Web("minimal", workers: 2, group: true);
        using var client = Client.PerRequest(web.Address);
        var slow = Enumerable.Range(0, 6).Select(_ => client.GetStringAsync("/slow?ms=1500")).ToList();
        await Task.Delay(500); // They are being executed: a third of their time has gone by.
        if (toTheWholeGroup)
            web.Process.SignalGroup(signal);
        else
            web.Process.Signal(signal);
        Assert.All(await Task.WhenAll(slow), answer => Assert.StartsWith("slow ", answer, StringComparison.Ordinal));
        Assert.Equal(0, await web.Process.Exit(TimeSpan.FromSeconds(5)));
        await web.Process.ExpectNobodyLeft(TimeSpan.Zero);
        Assert.Equal(2, web.Process.Count("^service stopped "));

        using var again = new TcpListener(IPAddress.Loopback, web.Port);
        again.Start();
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task A_signal_while_it_starts_ends_it_in_order_too(int processes)
    {
        await using var web = TestProcess.Start("web minimal", ("ASPNETCORE_URLS", "http://127.0.0.1:0"), ("ProcessCluster__Workers", "3"));
        await web.ExpectAll("^main ", processes);
        if (processes == 1)
            await Wait.Until(() => web.Descendants.Count > 0); // Its signal handler is in place before it starts a worker.
        web.Signal(Signal.SIGTERM);
        Assert.Equal(0, await web.Exit(TimeSpan.FromSeconds(5)));
        await web.ExpectNobodyLeft(TimeSpan.Zero);
        Assert.DoesNotContain("xception", web.Output + web.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_idle_kept_connection_does_not_delay_the_end()
    {
        await using var web = await Started.Web("minimal", workers: 2);
        using var kept = new HttpClient { BaseAddress = new Uri(web.Address) };
        await kept.GetStringAsync("/");
        web.Process.Signal(Signal.SIGTERM);
        Assert.Equal(0, await web.Process.Exit(TimeSpan.FromSeconds(5)));
    }

    [Fact]
    public async Task SIGKILL_of_the_primary_leaves_no_worker()
    {
        await using var web = await Started.Web("minimal", workers: 2);
        using var client = Client.PerRequest(web.Address);
        var running = client.GetStringAsync("/slow?ms=10000");
        await Task.Delay(200);
        web.Process.Signal(Signal.SIGKILL);
        await web.Process.ExpectNobodyLeft(TimeSpan.FromSeconds(2));
        await Assert.ThrowsAnyAsync<HttpRequestException>(() => running);
    }

    [Fact]
    public async Task A_taken_port_is_one_clear_error_and_nothing_is_left()
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        var url = $"http://{taken.LocalEndpoint}";
        await using var web = TestProcess.Start("web minimal", ("ASPNETCORE_URLS", url), ("ProcessCluster__Workers", "3"));
        Assert.NotEqual(0, await web.Exit());
        await web.ExpectNobodyLeft(TimeSpan.FromSeconds(1));
        var said = web.Output + web.Errors;
        Assert.Equal(1, CountOf("address already in use", said));
        Assert.Contains($"Failed to bind to address {url}: address already in use", said, StringComparison.Ordinal);
        Assert.Contains("ClusterStartException", said, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_program_that_cannot_start_fails_in_the_primary_where_it_can_be_caught()
    {
        await using var web = TestProcess.Start(
            "web minimal", ("ASPNETCORE_URLS", "http://127.0.0.1:0"), ("ProcessCluster__Workers", "3"), ("FAIL_START", "1"), ("CATCH", "1"));
        Assert.Equal(3, await web.Exit());
        await web.Expect($"^caught in {web.Id}: ClusterStartException: The cluster could not start: worker 1 .*InvalidOperationException: the database is not there");
        Assert.Equal(1, CountOf("the database is not there", web.Output + web.Errors));
        Assert.Equal(2, web.Count("^main ")); // The primary and the one worker that was tried.
        await web.ExpectNobodyLeft(TimeSpan.FromSeconds(1));
    }

    [Theory]
    [InlineData("100000", "ProcessCluster:Workers is 100000: at most 1024")]
    [InlineData("abc", "ProcessCluster:Workers is 'abc': give a number, or 'max'")]
    public async Task Workers_that_cannot_be_are_one_clear_error(string workers, string error)
    {
        await using var web = TestProcess.Start("web minimal", ("ASPNETCORE_URLS", "http://127.0.0.1:0"), ("ProcessCluster__Workers", workers));
        Assert.NotEqual(0, await web.Exit());
        Assert.Equal(1, CountOf(error, web.Output + web.Errors));
        Assert.Empty(web.Descendants);
    }

    [Fact]
    public async Task All_bad_options_are_in_one_message()
    {
        await using var web = TestProcess.Start(
            "web minimal",
            ("ASPNETCORE_URLS", "http://127.0.0.1:0"),
            ("ProcessCluster__Workers", "many"),
            ("ProcessCluster__DrainTimeout", "soon"),
            ("ProcessCluster__MaxWaitingConnections", "0"),
            ("ProcessCluster__HangDumpDirectory", "/nowhere"),
            ("ProcessCluster__HeartbeatTimeout", "00:00:00"),
            ("ProcessCluster__StandbyWorkers", "-1"),
            ("ProcessCluster__Restart__Policy", "sometimes"),
            ("ProcessCluster__Restart__Factor", "0.5"),
            ("ProcessCluster__Recycle__MaxMemory", "lots"),
            ("ProcessCluster__Recycle__Schedule__0", "at noon"),
            ("ProcessCluster__SlotEnvironment__first__A", "1"),
            ("CATCH", "1"));
        Assert.Equal(3, await web.Exit());
        var message = (await web.Expect("^caught in .*")).Value;
        Assert.Contains("ProcessCluster:Workers is 'many'", message, StringComparison.Ordinal);
        Assert.Contains("ProcessCluster:DrainTimeout is 'soon'", message, StringComparison.Ordinal);
        Assert.Contains("ProcessCluster:Restart:Policy is 'sometimes': give one of Always, OnFailure, Never", message, StringComparison.Ordinal);
        Assert.Contains("ProcessCluster:Recycle:MaxMemory is 'lots': give a number of bytes", message, StringComparison.Ordinal);
        Assert.Contains("ProcessCluster:Recycle:Schedule:0 is 'at noon': give a time of the day", message, StringComparison.Ordinal);
        Assert.Contains("ProcessCluster:SlotEnvironment:first is no slot", message, StringComparison.Ordinal);
        Assert.Contains("ProcessCluster:MaxWaitingConnections is 0", message, StringComparison.Ordinal);
        Assert.Contains("ProcessCluster:HangDumpDirectory '/nowhere' does not exist", message, StringComparison.Ordinal);
        Assert.Contains("ProcessCluster:HeartbeatTimeout is 00:00:00", message, StringComparison.Ordinal);
        Assert.Contains("ProcessCluster:StandbyWorkers is -1", message, StringComparison.Ordinal);
        Assert.Contains("ProcessCluster:Restart:Factor is 0.5", message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("max")]
    [InlineData("0")]
    [InlineData("")]
    public async Task Max_workers_are_the_processors_that_the_runtime_sees(string workers)
    {
        // The runtime takes a cgroup's limit, or this variable, for the number of processors.
        await using var web = await Started.Web("minimal", workers: 3, ("ProcessCluster__Workers", workers), ("DOTNET_PROCESSOR_COUNT", "3"));
        Assert.Equal(3, (await web.WorkerIds()).Count);
    }

    [Fact]
    public async Task Enabled_false_is_one_process()
    {
        await using var web = await Started.Alone(("ProcessCluster__Enabled", "false"));
        using var client = Client.PerRequest(web.Address);
        Assert.Equal($"{web.Process.Id}", await client.GetStringAsync("/"));
        Assert.Equal("worker=False id= state=", await client.GetStringAsync("/cluster"));
        Assert.Empty(web.Process.Descendants);
    }

    [Fact]
    public async Task An_application_of_another_name_than_its_program_stays_one_process_and_says_why()
    {
        await using var web = await Started.Alone(("ASPNETCORE_APPLICATIONNAME", "Another"));
        await web.Process.Expect("No cluster: this process runs 'ProcessCluster.TestApp', not the application 'Another'");
        Assert.Empty(web.Process.Descendants);
    }

    [Fact]
    public async Task A_worker_can_be_asked_through_the_injected_cluster()
    {
        await using var web = await Started.Web("minimal", workers: 1);
        using var client = Client.PerRequest(web.Address);
        Assert.Equal("worker=True id=1 state=Listening", await client.GetStringAsync("/cluster"));
    }

    private static int CountOf(string words, string text) => text.Split(words).Length - 1;

    private static int Number(System.Text.RegularExpressions.Match match) => int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture);
}
