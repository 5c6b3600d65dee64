using System.Net;
using Microsoft.AspNetCore.Mvc.Testing;

namespace ProcessCluster.AspNetCore.Tests;

/// <summary>A clustered program, tested as every other.</summary>
public sealed class UnderTestHosts
{
    [Fact]
    public async Task WebApplicationFactory_runs_a_clustered_program_in_the_test_process()
    {
        await using var factory = new WebApplicationFactory<Program>();
        using var client = factory.CreateClient();
        Assert.Equal($"Handled by worker {Environment.ProcessId}", await client.GetStringAsync("/"));
        Assert.Equal("Total: 5000000", await client.GetStringAsync("/heavy"));
    }

    [Fact]
    public async Task WebApplicationFactory_with_Kestrel_forks_nothing_either()
    {
        await using var factory = new WebApplicationFactory<Program>();
        factory.UseKestrel(0);
        factory.StartServer();
        using var client = factory.CreateClient();
        Assert.Equal($"Handled by worker {Environment.ProcessId}", await client.GetStringAsync("/"));
        Assert.True(Cluster.IsPrimary);
        Assert.Empty(Cluster.Workers);
    }

    [Theory]
    [InlineData("0")]
    [InlineData("11")]
    [InlineData("1.5")]
    [InlineData("x")]
    [InlineData("-1")]
    public async Task The_sample_says_what_base_may_be(string number)
    {
        await using var factory = new WebApplicationFactory<Program>();
        using var client = factory.CreateClient();
        using var answer = await client.GetAsync($"/api/cluster?base={number}");
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Contains($"base is '{number}': give a whole number from 1 to 10.", await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_sample_computes()
    {
        await using var factory = new WebApplicationFactory<Program>();
        using var client = factory.CreateClient();
        // 2^7 = 128: the sum of i + i^10 for i from 0 to 128.
        var expected = Enumerable.Range(0, 129).Reverse().Aggregate(0d, (sum, i) => sum + (i + Math.Pow(i, 10)));
        var answer = await client.GetStringAsync("/api/nocluster?base=2");
        Assert.Equal(expected, System.Text.Json.JsonDocument.Parse(answer).RootElement.GetProperty("result").GetDouble());
    }
}
