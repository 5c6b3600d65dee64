namespace ProcessCluster.Specs;

/// <summary>What the specs of messages have in common.</summary>
internal static class MessageSpecs
{
    /// <summary>Far below the time that a request waits for its answer by default, which is 30 s.</summary>
    public static readonly TimeSpan Promptly = TimeSpan.FromSeconds(4);

    /// <summary>The driver with so many workers that handle messages; they have the numbers from 1.</summary>
    public static async Task<TestProcess> Workers(int count)
    {
        var cluster = TestProcess.Start("driver");
        try
        {
            cluster.Send("handle");
            for (var i = 0; i < count; i++)
                cluster.Send("fork messages");
            await cluster.ExpectAll(@"^worker \d+ handles$", count);
            return cluster;
        }
        catch
        {
            await cluster.DisposeAsync();
            throw;
        }
    }
}
