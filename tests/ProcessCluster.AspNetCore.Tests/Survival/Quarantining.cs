using System.Globalization;
using System.Net;
using System.Text;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.DependencyInjection;
using ProcessCluster.AspNetCore.Survival;

namespace ProcessCluster.AspNetCore.Tests;

/// <summary>Requests that end their workers, again and again, until nobody serves them any more.</summary>
public sealed class Quarantining
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);

    [Fact]
    public async Task A_request_that_was_running_in_three_crashes_in_a_row_is_refused_by_every_worker_and_others_are_served()
    {
        await using var web = await Start(2, 3, ("ProcessCluster__StandbyWorkers", "1"), ("MEASURE", "processcluster.quarantine"));
        using var deadline = new CancellationTokenSource(Patience);
        foreach (var how in (string[])["fail", "overflow", "kill"])
            await Die(web, deadline.Token, how);
        // From the next moment on, without waiting for anything.
        await ExpectRefused(web, deadline.Token);
        await web.Process.Expect(@"warn: ProcessCluster\[41\]");
        await web.Process.Expect(@"GET /die was running in 3 crashes in a row \(workers \d+, \d+, \d+\): it is quarantined, and answered with 503, for 00:01:00\.$");
        await web.Process.Expect("^measured processcluster.quarantine.begun 1$");

        // Those that have started since, and one that stood by meanwhile.
        var alive = (await WorkersOf(web, 6))[^3..];
        var serving = new HashSet<int>();
        while (serving.Count < 2)
            serving.Add(await AskAsync(web, deadline.Token));
        Assert.Subset(alive.ToHashSet(), serving);
        var standby = alive.Single(worker => !serving.Contains(worker));
        TestProcess.SendSignal(serving.First(), Signal.SIGKILL);
        foreach (var worker in (int[])[serving.Last(), standby])
        {
            using var connection = await web.OpenTo(worker, deadline.Token);
            Assert.Equal((503, false), await StatusOf(connection, "GET /die", deadline.Token));
            Assert.Equal((503, false), await StatusOf(connection, "GET /die?how=overflow", deadline.Token));
            Assert.Equal((200, false), await StatusOf(connection, "POST /die", deadline.Token, "Content-Length: 0\r\n"));
            Assert.Equal((200, false), await StatusOf(connection, "GET /", deadline.Token));
            var answer = await connection.AskAsync(StrictConnection.Request("/strict", [1, 2, 3]), deadline.Token);
            Assert.Equal($"{worker} 3 6", Encoding.ASCII.GetString(answer.Body));
        }
        // In whichever portions they were seen.
        await Wait.Until(() => Refused(web) == 5);
    }

    [Theory]
    [InlineData("minimal")]
    [InlineData("host")]
    public async Task After_its_time_it_is_served_again_and_needs_as_many_crashes_as_before(string builder)
    {
        await using var web = await Start(builder, 2, 2, ("ProcessCluster__ConnectionSurvival__QuarantineTime", "00:00:02"));
        using var deadline = new CancellationTokenSource(Patience);
        for (var round = 1; round <= 2; round++)
        {
            await Die(web, deadline.Token);
            await Die(web, deadline.Token);
            using var client = new HttpClient();
            using var answer = await client.GetAsync(new Uri($"{web.Address}/die"), deadline.Token);
            Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode);
            Assert.InRange(answer.Headers.RetryAfter!.Delta!.Value, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(2));
            Assert.Matches("^GET /die is quarantined: .* It is tried again in [12] s.\n$", await answer.Content.ReadAsStringAsync(deadline.Token));
            Assert.Equal("text/plain", answer.Content.Headers.ContentType!.MediaType);
            await web.Process.ExpectAll("GET /die is not quarantined any more", round);
        }
    }

    [Fact]
    public async Task It_is_refused_over_HTTP2_too()
    {
        var port = Client.FreePort();
        await using var web = await Start(2, 2, ("KESTREL", $"http2-beside {port}"));
        using var deadline = new CancellationTokenSource(Patience);
        await Die(web, deadline.Token);
        await Die(web, deadline.Token);
        using var client = new HttpClient { DefaultRequestVersion = HttpVersion.Version20, DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact };
        foreach (var (path, status) in ((string, HttpStatusCode)[])[("die", HttpStatusCode.ServiceUnavailable), ("", HttpStatusCode.OK), ("die?how=fail", HttpStatusCode.ServiceUnavailable)])
        {
            using var answer = await client.GetAsync(new Uri($"http://127.0.0.1:{port}/{path}"), deadline.Token);
            Assert.Equal((HttpVersion.Version20, status), (answer.Version, answer.StatusCode));
        }
    }

    [Fact]
    public async Task A_crash_without_it_ends_its_row()
    {
        await using var web = await Start(2, 2);
        using var deadline = new CancellationTokenSource(Patience);
        await Die(web, deadline.Token);
        TestProcess.SendSignal(await AskAsync(web, deadline.Token), Signal.SIGKILL);
        await web.Process.ExpectAll("crashed, SIGKILL", 2);
        await Die(web, deadline.Token);
        Assert.Equal(0, web.Process.Count("quarantined"));
        await Die(web, deadline.Token);
        await ExpectRefused(web, deadline.Token);
    }

    [Fact]
    public async Task A_busy_innocent_request_that_runs_in_every_crash_is_not_the_one()
    {
        await using var web = await Start(2, 3, ("Logging__LogLevel__Default", "Warning"), ("Logging__LogLevel__ProcessCluster", "Information"));
        using var deadline = new CancellationTokenSource(Patience);
        using var end = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token);
        var answered = new int[12];
        var last = 0;
        var clients = Enumerable.Range(0, answered.Length).Select(client => Task.Run(async () =>
        {
            StrictConnection? connection = null;
            while (!end.IsCancellationRequested)
            {
                try
                {
                    connection ??= await web.Open(end.Token);
                    var answer = await connection.AskAsync(StrictConnection.Request("/strict?slow=300"), end.Token);
                    if (answer.Status == 200)
                    {
                        Interlocked.Increment(ref answered[client]);
                        Volatile.Write(ref last, int.Parse(Encoding.ASCII.GetString(answer.Body).Split(' ')[0], CultureInfo.InvariantCulture));
                        continue;
                    }
                    Assert.Equal(502, answer.Status); // Never 503.
                }
                catch (StrictFailureException)
                {
                    // Its worker has ended, or the test.
                }
                connection?.Dispose();
                connection = null;
            }
            connection?.Dispose();
        })).ToList();
        for (var crash = 1; crash <= 3; crash++)
        {
            var before = answered.ToArray();
            await Wait.Until(() => !answered.Where((count, client) => count < before[client] + 2).Any());
            using var connection = await web.OpenTo(Volatile.Read(ref last), deadline.Token);
            Assert.Equal((502, true), await StatusOf(connection, "GET /die", deadline.Token));
            await web.Process.ExpectAll("ended while it served GET /die, GET /strict", crash);
        }
        await ExpectRefused(web, deadline.Token);
        await end.CancelAsync();
        await Task.WhenAll(clients);
        await web.Process.Expect("GET /die was running in 3 crashes");
        Assert.Equal(1, web.Process.Count("it is quarantined"));
    }

    [Fact]
    public async Task Many_clients_that_ask_again_and_again_end_no_more_workers_than_they_had_reached_by_then()
    {
        await using var web = await Start(2, 3);
        using var deadline = new CancellationTokenSource(Patience);
        await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => Task.Run(async () =>
        {
            for (var refused = 0; refused < 10;)
            {
                try
                {
                    using var connection = await web.Open(deadline.Token);
                    var (status, _) = await StatusOf(connection, "GET /die", deadline.Token);
                    Assert.True(status is 502 or 503, $"{status}");
                    if (status == 503)
                        refused++;
                }
                catch (StrictFailureException exception) when (exception.Failure is StrictFailure.Cut or StrictFailure.Reset)
                {
                    // Its worker has ended while it took the connection.
                }
            }
        })));
        // Three, and the one that had it already in the other slot.
        Assert.InRange(web.Process.Count("crashed, SIGKILL"), 3, 4);
        Assert.Equal(1, web.Process.Count("it is quarantined"));
        await ExpectRefused(web, deadline.Token);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    public async Task It_keeps_a_slot_from_using_up_its_restarts_and_is_off_by_default(int after)
    {
        await using var web = await Start(1, after, ("ProcessCluster__Restart__MaxRestarts", "3"));
        using var deadline = new CancellationTokenSource(Patience);
        for (var crash = 0; crash < 3; crash++)
            await Die(web, deadline.Token);
        if (after == 0)
        {
            await Die(web, deadline.Token);
            await web.Process.Expect("has used up its 3 restarts");
            Assert.Equal(0, web.Process.Count("quarantined"));
            return;
        }
        for (var i = 0; i < 20; i++)
            await ExpectRefused(web, deadline.Token);
        Assert.Equal(4, web.Process.Count("^service started"));
        Assert.Equal(0, web.Process.Count("has used up"));
    }

    [Fact]
    public async Task With_TLS_too_and_what_has_been_answered_is_not_suspected()
    {
        using var certificate = new TestCertificate();
        await using var web = await Start(2, 2, certificate.EndPoint);
        using var deadline = new CancellationTokenSource(Patience);
        for (var crash = 1; crash <= 2; crash++)
        {
            using var connection = await web.Open(deadline.Token, certificate.Hash);
            var answer = await connection.AskAsync(StrictConnection.Request("/"), deadline.Token);
            using var idle = await web.OpenTo(int.Parse(Encoding.ASCII.GetString(answer.Body), CultureInfo.InvariantCulture), deadline.Token, certificate.Hash);
            await Assert.ThrowsAsync<StrictFailureException>(() => connection.AskAsync(StrictConnection.Request("/die"), deadline.Token));
            await web.Process.ExpectAll(@"ended while it served GET /die \(and 0 more\)", crash);
        }
        await ExpectRefused(web, deadline.Token, certificate.Hash);
        await web.Process.Expect("GET /die was running in 2 crashes");
    }

    [Fact]
    public async Task A_connection_of_which_no_copy_is_kept_is_refused_it_too()
    {
        await using var web = await Start(1, 1, ("ProcessCluster__ConnectionSurvival__MaxConnections", "1"));
        using var deadline = new CancellationTokenSource(Patience);
        await Die(web, deadline.Token);
        using var kept = await web.Open(deadline.Token);
        Assert.Equal((200, false), await StatusOf(kept, "GET /", deadline.Token));
        await ExpectRefused(web, deadline.Token);
    }

    [Fact]
    public async Task A_quarantine_without_connections_that_survive_is_an_error_at_the_start()
    {
        await using var process = TestProcess.Start(
            "web minimal", ("ASPNETCORE_URLS", "http://127.0.0.1:0"), ("ProcessCluster__ConnectionSurvival__QuarantineAfter", "3"), ("CATCH", "1"));
        await process.Expect("caught in .*ConnectionSurvival:QuarantineAfter is 3, but connections do not survive .* set ConnectionSurvival:Enabled to true");
        await process.Exit();
    }

    /// <summary>As routing sees it: the endpoint that it has chosen turns out to be another one.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Neither_authorization_nor_a_middleware_comes_before_the_answer(bool isChosenByRouting)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseSetting("urls", "http://127.0.0.1:0");
        builder.Services.AddAuthentication();
        builder.Services.AddAuthorization(options => options.FallbackPolicy = new AuthorizationPolicyBuilder().RequireClaim("nobody").Build());
        await using var app = builder.Build();
        app.Use((context, next) =>
        {
            if (isChosenByRouting)
                context.Features.Set<IEndpointFeature>(new Replaced());
            return next(context);
        });
        app.UseRouting();
        app.Use((context, next) =>
        {
            Assert.False(isChosenByRouting);
            context.SetEndpoint(QuarantinedEndpoint.Of("GET /x", TimeSpan.FromSeconds(1.5)));
            return next(context);
        });
        app.UseAuthorization();
        app.MapGet("/x", () => "served");
        await app.StartAsync();
        using var client = new HttpClient();
        using var answer = await client.GetAsync(new Uri($"{app.Urls.Single()}/x"));
        Assert.Equal((HttpStatusCode.ServiceUnavailable, TimeSpan.FromSeconds(2)), (answer.StatusCode, answer.Headers.RetryAfter!.Delta));
    }

    private sealed class Replaced : IEndpointFeature
    {
        public Endpoint? Endpoint
        {
            get;
            set => field = value is null ? null : QuarantinedEndpoint.Of("GET /x", TimeSpan.FromSeconds(1.5));
        }
    }

    private static Task<Started> Start(int workers, int after, params (string, string)[] environment) => Start("minimal", workers, after, environment);

    private static Task<Started> Start(string builder, int workers, int after, params (string, string)[] environment) => Started.Web(
        builder,
        workers,
        [
            ("ProcessCluster__ConnectionSurvival__Enabled", "true"),
            .. after > 0 ? [("ProcessCluster__ConnectionSurvival__QuarantineAfter", after.ToString(CultureInfo.InvariantCulture))] : Array.Empty<(string, string)>(),
            ("ProcessCluster__Restart__MaxRestarts", "100"),
            ("ProcessCluster__Restart__Factor", "1"),
            .. environment,
        ]);

    /// <summary>A request that ends its worker, whichever it is.</summary>
    private static async Task Die(Started web, CancellationToken deadline, string how = "kill")
    {
        using var connection = await web.Open(deadline);
        Assert.Equal((502, true), await StatusOf(connection, $"GET /die?how={how}", deadline));
    }

    private static async Task ExpectRefused(Started web, CancellationToken deadline, string? certificateHash = null)
    {
        using var connection = await web.Open(deadline, certificateHash);
        Assert.Equal((503, false), await StatusOf(connection, "GET /die", deadline));
        Assert.Equal((200, false), await StatusOf(connection, "GET /", deadline));
    }

    private static async Task<(int Status, bool Closes)> StatusOf(StrictConnection connection, string request, CancellationToken deadline, string headers = "")
    {
        var answer = await connection.AskAsync(Encoding.ASCII.GetBytes($"{request} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n"), deadline);
        return (answer.Status, answer.Closes);
    }

    private static async Task<int> AskAsync(Started web, CancellationToken deadline)
    {
        using var connection = await web.Open(deadline);
        var answer = await connection.AskAsync(StrictConnection.Request("/"), deadline);
        return int.Parse(Encoding.ASCII.GetString(answer.Body), CultureInfo.InvariantCulture);
    }

    /// <summary>The process ids of the workers, in the order in which they started.</summary>
    private static async Task<int[]> WorkersOf(Started web, int count) =>
        [.. (await web.Process.ExpectAll(@"^service started (\d+)$", count)).Select(match => int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture))];

    private static int Refused(Started web) => web.Process.Output.Split('\n')
        .Where(line => line.StartsWith("measured processcluster.quarantine.refused ", StringComparison.Ordinal)).Sum(line => int.Parse(line.Split(' ')[^1], CultureInfo.InvariantCulture));
}
