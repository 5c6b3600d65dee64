using Microsoft.Extensions.Logging;

namespace ProcessCluster.AspNetCore.Hosting;

/// <summary>Keeps workers from saying what the primary says once for the cluster: where it listens, and why a worker did not start.</summary>
internal static class WorkerLogging
{
    public static void Restrict(LoggerFilterOptions options)
    {
        Restrict(options, "Microsoft.Hosting.Lifetime", static level => level >= LogLevel.Warning);
        Restrict(options, "Microsoft.Extensions.Hosting.Internal.Host", static level => level < LogLevel.Error || !WorkerHost.IsStarting);
        Restrict(options, "Microsoft.AspNetCore.Server.Kestrel", static level => level < LogLevel.Error || !WorkerHost.IsStarting);
    }

    /// <summary>
    /// Narrows what is logged under a category. Of the rules that fit, a provider's own come first, then those with the longer category,
    /// then the later: so each rule that holds for the category is repeated for exactly it, the more specific ones later.
    /// </summary>
    private static void Restrict(LoggerFilterOptions options, string category, Func<LogLevel, bool> isWanted)
    {
        var holding = options.Rules
            .Where(rule => rule.CategoryName is null || category.StartsWith(rule.CategoryName.TrimEnd('*'), StringComparison.OrdinalIgnoreCase))
            .OrderBy(static rule => rule.CategoryName?.Length ?? 0)
            .Prepend(new LoggerFilterRule(null, null, options.MinLevel, null))
            .ToList();
        foreach (var rule in holding)
        {
            options.Rules.Add(new LoggerFilterRule(
                rule.ProviderName,
                category,
                rule.LogLevel,
                (provider, name, level) => isWanted(level) && (rule.Filter is null || rule.Filter(provider, name, level))));
        }
    }
}
