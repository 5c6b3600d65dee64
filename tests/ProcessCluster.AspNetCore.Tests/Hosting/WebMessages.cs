using System.Globalization;

namespace ProcessCluster.AspNetCore.Tests;

/// <summary>Handlers of messages as services, and senders that have the cluster injected, in the primary and the workers of a web application.</summary>
public sealed class WebMessages
{
    [Theory]
    [InlineData("minimal")]
    [InlineData("host")]
    [InlineData("webhost")]
    public async Task A_worker_asks_the_primary_whose_handler_is_a_service(string builder)
    {
        await using var web = await Started.Web(builder, workers: 2);
        using var client = Client.PerRequest(web.Address);
        Assert.Equal("144", await client.GetStringAsync("/ask?number=12"));
        await web.Process.Expect("^0 asked by [12] on visit 1$");
    }

    [Fact]
    public async Task The_primary_asks_its_workers_whose_handlers_are_services()
    {
        await using var web = await Started.Web("minimal", workers: 3);
        using var client = Client.PerRequest(web.Address);
        Assert.Equal("1: 49, 2: 49, 3: 49", await client.GetStringAsync("/round?number=7"));
        await web.Process.ExpectAll("^[123] asked by 0 on visit 1$", 3);
    }

    [Fact]
    public async Task A_worker_tells_all_others()
    {
        await using var web = await Started.Web("minimal", workers: 3);
        using var client = Client.PerRequest(web.Address);
        var sender = await client.GetStringAsync("/shout?text=hello");
        var heard = await web.Process.ExpectAll($@"^(\d) heard hello 2 from {sender} ", 2);
        Assert.Equal(new[] { "1", "2", "3" }.Except([sender]), heard.Select(match => match.Groups[1].Value).Order());
        Assert.Equal(4, web.Process.Count(" heard hello "));
    }

    [Fact]
    public async Task Every_message_and_request_has_a_scope_of_its_own_that_ends_with_it()
    {
        await using var web = await Started.Web("minimal", workers: 1);
        using var client = Client.PerRequest(web.Address);
        for (var i = 1; i <= 3; i++)
        {
            await client.GetStringAsync("/ask?number=1");
            await web.Process.Expect($"^0 asked by 1 on visit {i}$");
            await web.Process.Expect($"^{web.Process.Id} visit {i} over$");
        }
    }

    [Fact]
    public async Task All_that_handles_one_message_is_of_one_scope()
    {
        await using var web = await Started.Web("minimal", workers: 2);
        using var client = Client.PerRequest(web.Address);
        var sender = int.Parse(await client.GetStringAsync("/shout?text=hello"), CultureInfo.InvariantCulture);
        await web.Process.Expect($"^{3 - sender} heard hello 1 from {sender} on visit 1 same=True$");
        await web.Process.Expect($"^{3 - sender} heard hello 2 from {sender} on visit 2 same=True$");
        await web.Process.ExpectAll(@"^\d+ visit [12] over$", 2);
    }

    [Fact]
    public async Task Without_a_cluster_handlers_are_only_not_used()
    {
        await using var web = await Started.Alone(("ProcessCluster__Enabled", "false"));
        using var client = Client.PerRequest(web.Address);
        Assert.Equal($"{web.Process.Id}", await client.GetStringAsync("/"));
        Assert.Equal(0, web.Process.Count("visit"));
    }
}
