using System.Globalization;
using System.Runtime.InteropServices;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace ProcessCluster.TestApp;

/// <summary>A web application as users write them. The first argument is the builder, and what of it the cluster is added to.</summary>
internal static class WebApp
{
    public static int Run(string[] args)
    {
        Console.WriteLine($"main {Environment.ProcessId}");
        if (Cluster.IsPrimary && Environment.GetEnvironmentVariable("MEASURE") is { } prefix)
            MetricsDriver.Print(prefix);
        using var collect = PosixSignalRegistration.Create((PosixSignal)Signal.SIGUSR1, static context =>
        {
            context.Cancel = true;
            GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
            Console.WriteLine("collected");
        });
        if (Cluster.IsWorker && Environment.GetEnvironmentVariable("EARLY") is { } early && File.Exists(early))
        {
            Console.Error.WriteLine("the last line before it ends");
            if (File.ReadAllText(early).Trim() == "throw")
                throw new IOException("the file is locked by another process");
            return 0; // As a program that allows one instance of itself.
        }
        try
        {
            switch (args[0])
            {
                case "minimal" or "service-defaults" or "minimal-host" or "minimal-webhost":
                    var builder = WebApplication.CreateBuilder(args[1..]);
                    WebLogs.Add(builder.Host, builder.Services, isLate: false);
                    UseCluster(builder, args[0]);
                    WebLogs.Add(builder.Host, builder.Services, isLate: true);
                    Configure(builder.Services);
                    ConfigureKestrel(builder.WebHost);
                    var app = builder.Build();
                    if (Environment.GetEnvironmentVariable("SHOW_URLS") is not null)
                        app.Lifetime.ApplicationStarted.Register(() => Console.WriteLine($"urls {Environment.ProcessId} {string.Join(' ', app.Urls)}"));
                    app.UseWebSockets();
                    Map(app);
                    app.Run(Environment.GetEnvironmentVariable("RUN_URL"));
                    break;
                case "host":
                    Host.CreateDefaultBuilder(args[1..])
                        .UseProcessCluster()
                        .ConfigureWebHostDefaults(web => ConfigureWeb(web))
                        .Build().Run();
                    break;
                case "webhost":
                    Host.CreateDefaultBuilder(args[1..])
                        .ConfigureWebHostDefaults(web => ConfigureWeb(web).UseProcessCluster())
                        .Build().Run();
                    break;
                case "application":
                    var application = Host.CreateApplicationBuilder(args[1..]).UseProcessCluster();
                    Configure(application.Services);
                    application.Build().Run();
                    break;
                case "workers-only":
                    Host.CreateDefaultBuilder(args[1..])
                        .UseProcessCluster()
                        .ConfigureServices(Configure)
                        .Build().Run();
                    break;
                default:
                    return 64;
            }
            return 0;
        }
        catch (Exception exception) when (Environment.GetEnvironmentVariable("CATCH") is not null)
        {
            Console.WriteLine($"caught in {Environment.ProcessId}: {exception.GetType().Name}: {exception.Message.ReplaceLineEndings(" ")}");
            return 3;
        }
    }

    private static void UseCluster(WebApplicationBuilder builder, string on)
    {
        switch (on)
        {
            case "service-defaults":
                AddServiceDefaults(builder);
                break;
            case "minimal-host":
                builder.Host.UseProcessCluster();
                break;
            case "minimal-webhost":
                builder.WebHost.UseProcessCluster();
                break;
            default:
                builder.UseProcessCluster();
                break;
        }
    }

    /// <summary>As a company's own library has it, which knows nothing of web applications.</summary>
    private static TBuilder AddServiceDefaults<TBuilder>(TBuilder builder)
        where TBuilder : IHostApplicationBuilder => builder.UseProcessCluster();

    private static IWebHostBuilder ConfigureWeb(IWebHostBuilder web)
    {
        ConfigureKestrel(web);
        return web.ConfigureServices(services =>
        {
            Configure(services);
            services.AddRouting();
        }).Configure(app => app.UseRouting().UseEndpoints(Map));
    }

    private static void ConfigureKestrel(IWebHostBuilder web) => web.ConfigureKestrel(kestrel =>
    {
        if (Cluster.IsPrimary && Environment.GetEnvironmentVariable("KESTREL_FOR_WORKERS") is not null)
            throw new InvalidOperationException("only workers can do this");
        if (Environment.GetEnvironmentVariable("HTTP2_PORT") is { } port)
            kestrel.ListenLocalhost(int.Parse(port, CultureInfo.InvariantCulture), listen => listen.Protocols = HttpProtocols.Http2);
        if (Environment.GetEnvironmentVariable("CONNECTION_LIMIT") is { } connections)
            kestrel.Limits.MaxConcurrentConnections = int.Parse(connections, CultureInfo.InvariantCulture);
        WebListen.Configure(kestrel);
        WebChaos.Configure(kestrel);
        if (Environment.GetEnvironmentVariable("BODY_LIMIT") is { } limit)
            kestrel.Limits.MaxRequestBodySize = long.Parse(limit, CultureInfo.InvariantCulture);
    });

    private static void Configure(IServiceCollection services)
    {
        services.AddHostedService<Announcer>();
        WebMessages.Add(services);
        WebOnce.Add(services);
        WebReplay.Add(services);
        WebListen.Add(services);
        WebChaos.Add(services);
        if (Environment.GetEnvironmentVariable("FAIL_START") is not null)
            services.AddHostedService<Failing>();
        if (Environment.GetEnvironmentVariable("FAIL_BACKGROUND") is { } delay)
            services.AddHostedService(provider => new FailingLater(provider.GetRequiredService<IHostApplicationLifetime>(), int.Parse(delay, CultureInfo.InvariantCulture)));
        if (Environment.GetEnvironmentVariable("VERSION") is { } file && Cluster.IsWorker)
            services.AddHostedService(_ => new Version(File.ReadAllText(file)));
    }

    private static void Map(IEndpointRouteBuilder app)
    {
        app.MapGet("/", () => Environment.ProcessId.ToString(CultureInfo.InvariantCulture));
        app.MapGet("/client", (HttpContext context) => $"{Environment.ProcessId} {context.Connection.RemoteIpAddress}");
        app.MapGet("/remember", (string by, HttpContext context, ICluster cluster) =>
        {
            // As applications do for a sticky session: once for each browser.
            if (context.Request.Cookies["ProcessCluster"] is null)
                context.Response.Cookies.Append("ProcessCluster", by == "slot" ? $"slot-{cluster.Worker!.Slot}" : $"{Guid.NewGuid():N}", new CookieOptions { HttpOnly = true });
            return $"{Environment.ProcessId}";
        });
        app.MapGet("/protocol", (HttpContext context) => context.Request.Protocol + (context.Request.IsHttps ? " tls" : ""));
        app.MapGet("/addresses", (HttpContext context) =>
            $"{context.Connection.LocalIpAddress}:{context.Connection.LocalPort} {context.Connection.RemoteIpAddress}:{context.Connection.RemotePort}");
        app.MapGet("/slow", async (int ms) =>
        {
            await Task.Delay(ms);
            return $"slow {Environment.ProcessId}";
        });
        app.MapGet("/big", (int length) => new string('#', length));
        app.MapPost("/length", async (HttpContext context) =>
        {
            var buffer = new byte[16 * 1024];
            long length = 0;
            while (await context.Request.Body.ReadAsync(buffer) is > 0 and var read)
                length += read;
            return $"{length}";
        });
        app.MapPost("/length-blocking", (HttpContext context) =>
        {
            // Blocks a thread of the pool until the whole body is there, as much old code does.
            using var body = new MemoryStream();
            context.Request.Body.CopyToAsync(body).GetAwaiter().GetResult();
            return $"{body.Length}";
        });
        app.MapGet("/execute", async (int id) =>
        {
            if (Environment.GetEnvironmentVariable("EXECUTED") is { } directory)
                await Executed.AddAsync(directory, id);
            await Task.Delay(2);
            return $"{id} {Environment.ProcessId}";
        });
        app.MapGet("/exit", (int code) => { Environment.Exit(code); });
        app.MapGet("/crash", () => Environment.FailFast("on purpose"));
        app.MapGet("/die", (string? how, ICluster cluster) => Die(how, cluster));
        app.MapPost("/die", () => Environment.ProcessId.ToString(CultureInfo.InvariantCulture));
        app.MapGet("/stop", (IHostApplicationLifetime lifetime) => { lifetime.StopApplication(); });
        WebMessages.Map(app);
        WebDrain.Map(app);
        WebReplay.Map(app);
        WebOnce.Map(app);
        WebListen.Map(app);
        WebChaos.Map(app);
        app.MapGet("/cluster", (ICluster cluster) => $"worker={cluster.IsWorker} id={cluster.Worker?.Id} state={cluster.Worker?.State}");
    }

    private static int Die(string? how, ICluster cluster)
    {
        switch (how)
        {
            case "overflow":
                return Overflow(0);
            case "exit":
                Environment.Exit(3);
                break;
            case "fail":
                Environment.FailFast("on purpose");
                break;
            default:
                cluster.Worker!.Kill(Signal.SIGKILL);
                Thread.Sleep(Timeout.Infinite); // Until it has come.
                break;
        }
        return 0;
    }

    private static int Overflow(int depth) => Overflow(depth + 1) + depth;

    /// <summary>Which requests this process has begun to execute: a file of its own, written through at once.</summary>
    private static class Executed
    {
        private static readonly SemaphoreSlim Turn = new(1);

        public static async Task AddAsync(string directory, int id)
        {
            await Turn.WaitAsync();
            try
            {
                await File.AppendAllTextAsync(Path.Combine(directory, $"{Environment.ProcessId}"), $"{id}\n");
            }
            finally
            {
                Turn.Release();
            }
        }
    }

    private sealed class Announcer : IHostedService
    {
        public Announcer() => Console.WriteLine($"service constructed {Environment.ProcessId}");

        public Task StartAsync(CancellationToken cancellationToken)
        {
            Console.WriteLine($"service started {Environment.ProcessId}");
            return Task.CompletedTask;
        }

        public Task StopAsync(CancellationToken cancellationToken)
        {
            Console.WriteLine($"service stopped {Environment.ProcessId}");
            return Task.CompletedTask;
        }
    }

    /// <summary>What the version of the program does at its start.</summary>
    private sealed class Version(string name) : IHostedService
    {
        public async Task StartAsync(CancellationToken cancellationToken)
        {
            switch (name)
            {
                case "fail":
                    throw new InvalidOperationException("the version is broken");
                case "never":
                    await Task.Delay(Timeout.Infinite, cancellationToken);
                    break;
                case "dies":
                    _ = Task.Delay(1500, CancellationToken.None).ContinueWith(static _ => Environment.Exit(9), TaskScheduler.Default);
                    break;
            }
        }

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }

    /// <summary>Fails so long after the application has started, or, with 0, while it starts.</summary>
    private sealed class FailingLater(IHostApplicationLifetime application, int milliseconds) : BackgroundService
    {
        protected override async Task ExecuteAsync(CancellationToken stoppingToken)
        {
            if (milliseconds > 0)
            {
                var started = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                await using var registration = application.ApplicationStarted.UnsafeRegister(static state => ((TaskCompletionSource)state!).TrySetResult(), started);
                await started.Task.WaitAsync(stoppingToken);
                await Task.Delay(milliseconds, stoppingToken);
            }
            throw new InvalidOperationException("the queue is gone");
        }
    }

    private sealed class Failing : IHostedService
    {
        public Task StartAsync(CancellationToken cancellationToken) => throw new InvalidOperationException("the database is not there");

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
