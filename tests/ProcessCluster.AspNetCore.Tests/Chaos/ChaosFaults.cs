using System.Diagnostics;
using System.Text.RegularExpressions;

namespace ProcessCluster.AspNetCore.Tests;

/// <summary>What is done to the cluster of the chaos spec.</summary>
internal sealed class ChaosFaults(ChaosCluster cluster, ChaosRecord record, Random random)
{
    private static readonly TimeSpan LongestStop = TimeSpan.FromSeconds(3);

    private int _added;

    /// <summary>One after another, for so long. At the end there are as many workers as at the beginning.</summary>
    public async Task Run(TimeSpan time)
    {
        for (var since = Stopwatch.StartNew(); since.Elapsed < time;)
        {
            await (random.Next(10) switch
            {
                0 or 1 or 2 => KillOne(),
                3 or 4 => StopOne(),
                5 => Reload(),
                6 => Scale(),
                7 => FillDisk(),
                8 => StarveOne(),
                _ => StopPrimary(),
            });
            await Task.Delay(random.Next(100, 600));
        }
        while (_added != 0)
            await Scale();
    }

    public Task KillOne()
    {
        if (AnyWorker() is { } worker)
        {
            record.Did("kills", worker);
            record.Death();
            Send(worker, Signal.SIGKILL);
        }
        return Task.CompletedTask;
    }

    /// <summary>The release is another one then, and the one before is gone.</summary>
    public async Task Reload()
    {
        record.Did("reloads", cluster.Primary);
        cluster.Deploy();
        var before = Reloads();
        Send(cluster.Primary, Signal.SIGHUP);
        await Wait.Until(() => Reloads() > before, "a reload", TimeSpan.FromSeconds(60));
        if (Regex.Matches(cluster.Log, @"The reload to generation \d+ failed.*") is { Count: > 0 } failed)
            record.Fault(failed[^1].Value);
    }

    /// <summary>Nothing can be written to the log for a while.</summary>
    public async Task FillDisk()
    {
        record.Did("full disks", cluster.Primary);
        var limit = FileSizeLimit.Of(cluster.Primary);
        FileSizeLimit.Set(cluster.Primary, limit with { Soft = 1 });
        await Task.Delay(random.Next(100, 700));
        FileSizeLimit.Set(cluster.Primary, limit);
    }

    private async Task StopOne()
    {
        if (AnyWorker() is not { } worker)
            return;
        record.Did("stops", worker);
        Send(worker, Signal.SIGSTOP);
        await Task.Delay(random.Next((int)LongestStop.TotalMilliseconds));
        Send(worker, Signal.SIGCONT);
    }

    /// <summary>For the primary its clock jumps.</summary>
    private async Task StopPrimary()
    {
        record.Did("jumps", cluster.Primary);
        Send(cluster.Primary, Signal.SIGSTOP);
        await Task.Delay(random.Next(1500));
        Send(cluster.Primary, Signal.SIGCONT);
    }

    private Task Scale()
    {
        record.Did("scalings", cluster.Primary);
        var isUp = _added == 0;
        _added += isUp ? 1 : -1;
        Send(cluster.Primary, isUp ? Signal.SIGTTIN : Signal.SIGTTOU);
        return Task.CompletedTask;
    }

    /// <summary>
    /// A worker has no descriptor left for a while, and ends a little later: the runtime remembers for good which code it could not load just then.
    /// </summary>
    private async Task StarveOne()
    {
        if (AnyWorker() is not { } worker)
            return;
        record.Did("starvations", worker);
        record.Death();
        try
        {
            var limit = FileLimit.Exhaust(worker);
            await Task.Delay(random.Next(600));
            record.Death();
            FileLimit.Set(worker, limit);
            await Task.Delay(random.Next(600));
            record.Death();
            Send(worker, Signal.SIGKILL);
        }
        catch (Xunit.Sdk.XunitException) when (!Directory.Exists($"/proc/{worker}"))
        {
            // It has ended meanwhile.
        }
    }

    private int? AnyWorker() => cluster.WorkerIds() is { Count: > 0 } workers ? workers[random.Next(workers.Count)] : null;

    private int Reloads() => Regex.Count(cluster.Log, @"The reload to generation \d+ (replaced|failed)");

    /// <summary>Whoever has ended meanwhile needs no signal.</summary>
    private static void Send(int process, Signal signal)
    {
        if (Directory.Exists($"/proc/{process}"))
            TestProcess.SendSignal(process, signal);
    }
}
