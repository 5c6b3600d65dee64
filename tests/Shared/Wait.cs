using System.Diagnostics;
using Xunit.Sdk;

namespace ProcessCluster.Testing;

/// <summary>For what nobody tells: looks again and again, and fails when it does not come.</summary>
internal static class Wait
{
    /// <param name="condition">What is waited for.</param>
    /// <param name="seen">Said when it does not come.</param>
    /// <param name="within">How long, 30 s unless told.</param>
    public static Task Until(Func<bool> condition, object? seen = null, TimeSpan? within = null) => Until(() => Task.FromResult(condition()), seen, within);

    /// <inheritdoc cref="Until(Func{bool}, object?, TimeSpan?)"/>
    public static async Task Until(Func<Task<bool>> condition, object? seen = null, TimeSpan? within = null)
    {
        for (var since = Stopwatch.StartNew(); !await condition(); await Task.Delay(5))
        {
            if (since.Elapsed > (within ?? TimeSpan.FromSeconds(30)))
                throw new XunitException($"Not in time. {seen}");
        }
    }
}
