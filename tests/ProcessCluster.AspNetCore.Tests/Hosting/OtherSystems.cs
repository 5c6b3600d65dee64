namespace ProcessCluster.AspNetCore.Tests;

/// <summary>Programs on a system that is not Linux, which the test program pretends. No native function may be called there.</summary>
public sealed class OtherSystems
{
    private static readonly (string, string) Pretended = ("OTHER_SYSTEM", "1");

    [Theory]
    [InlineData("minimal")]
    [InlineData("service-defaults")]
    [InlineData("host")]
    [InlineData("webhost")]
    public async Task A_web_application_is_one_process_after_one_warning(string builder)
    {
        await using var web = TestProcess.Start($"web {builder}", Pretended, ("ASPNETCORE_URLS", "http://127.0.0.1:0"), ("ProcessCluster__Workers", "3"));
        var address = (await web.Expect(@"Now listening on: (\S+)$")).Groups[1].Value;
        using var client = Client.PerRequest(address);
        Assert.Equal($"{web.Id}", await client.GetStringAsync("/"));
        Assert.Equal("worker=False id= state=", await client.GetStringAsync("/cluster"));
        Assert.Contains("Healthy: No cluster", await client.GetStringAsync("/health"), StringComparison.Ordinal);
        await ExpectOneWarning(web);
    }

    [Fact]
    public async Task A_worker_service_is_one_process_after_one_warning()
    {
        await using var host = TestProcess.Start("web application", Pretended, ("ProcessCluster__Workers", "3"));
        await host.Expect($"^service started {host.Id}$");
        await ExpectOneWarning(host);
        Assert.Equal(1, host.Count($"^service stopped {host.Id}$"));
    }

    [Fact]
    public async Task Nothing_is_logged_when_the_cluster_is_switched_off()
    {
        await using var host = TestProcess.Start("web application", Pretended, ("ProcessCluster__Enabled", "false"));
        await host.Expect($"^service started {host.Id}$");
        host.Signal(Signal.SIGTERM);
        Assert.Equal(0, await host.Exit(TimeSpan.FromSeconds(10)));
        Assert.Equal(0, host.Count("64-bit Linux|^native call"));
    }

    [Theory]
    [InlineData(null)]
    [InlineData("1 0 1 0 1 pipe:[1]")] // What a primary tells its worker; here nobody can have said it.
    public async Task A_console_program_can_ask_and_learns_what_a_fork_needs(string? marker)
    {
        (string, string)[] environment = marker is null ? [Pretended] : [Pretended, ("PROCESSCLUSTER_WORKER", marker)];
        await using var program = TestProcess.Start("other-system", environment);
        Assert.Equal(0, await program.Exit());
        await program.Expect("^supported=False primary=True worker=False self= workers=0 history=0 given-up=False$");
        await program.Expect("^locked$");
        await program.Expect(
            @"^Fork: Cluster\.Fork needs 64-bit Linux, and this system is .+\. Run the work in this process instead, as UseProcessCluster\(\) does\. "
            + @"Cluster\.IsSupported tells beforehand\. To run a cluster here, use a Linux container or WSL\.$");
        await program.Expect(@"^StartAsync: Cluster\.StartAsync needs 64-bit Linux");
        await program.Expect(@"^ListenAsync: Cluster\.ListenAsync needs 64-bit Linux.+ Listen with System\.Net\.Sockets instead\.");
        await program.Expect(@"^BindUdpAsync: Cluster\.BindUdpAsync needs 64-bit Linux");
        await program.Expect("^end$");
        Assert.Equal(0, program.Count("^native call"));
        Assert.Equal("", program.Errors);
    }

    private static async Task ExpectOneWarning(TestProcess host)
    {
        Assert.Empty(host.Descendants);
        host.Signal(Signal.SIGTERM);
        Assert.Equal(0, await host.Exit(TimeSpan.FromSeconds(10)));
        Assert.Equal(1, host.Count(@"^warn: "));
        Assert.Equal(1, host.Count(@"A cluster needs 64-bit Linux, and this system is .+\. The program runs as one process\.$"));
        Assert.Equal(0, host.Count("^native call"));
        Assert.Equal("", host.Errors);
    }
}
