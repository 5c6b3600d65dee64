using System.Globalization;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Options;

namespace ProcessCluster.AspNetCore.Hosting;

/// <summary>Reads <see cref="ClusterOptions"/> from the configuration section <c>ProcessCluster</c>, all errors at once.</summary>
internal sealed class ConfigureClusterOptions(IConfiguration configuration) : IConfigureOptions<ClusterOptions>, IValidateOptions<ClusterOptions>
{
    public const string Section = "ProcessCluster";

    public void Configure(ClusterOptions options) => Read(options);

    public ValidateOptionsResult Validate(string? name, ClusterOptions options) =>
        Read(new ClusterOptions()) is { Count: > 0 } errors ? ValidateOptionsResult.Fail(errors) : ValidateOptionsResult.Success;

    /// <summary>Sets what can be read, and gives what cannot.</summary>
    private List<string> Read(ClusterOptions options)
    {
        var section = configuration.GetSection(Section);
        var errors = new List<string>();
        Read<int>(section, nameof(options.Workers), errors, "give a number, or 'max' for one per processor", TryParseWorkers, v => options.Workers = v);
        Read<bool>(section, nameof(options.Silent), errors, "give true or false", bool.TryParse, v => options.Silent = v);
        Read<TimeSpan>(section, nameof(options.BootTimeout), errors, TimeRemedy, TryParseTime, v => options.BootTimeout = v);
        Read<TimeSpan>(section, nameof(options.DrainTimeout), errors, TimeRemedy, TryParseTime, v => options.DrainTimeout = v);
        Read<TimeSpan>(section, nameof(options.MaxWait), errors, TimeRemedy, TryParseTime, v => options.MaxWait = v);
        Read<int>(section, nameof(options.MaxWaitingConnections), errors, "give a number", TryParseNumber, v => options.MaxWaitingConnections = v);
        Read<int>(section, nameof(options.MaxMessageBytes), errors, "give a number of bytes", TryParseNumber, v => options.MaxMessageBytes = v);
        Read<TimeSpan>(section, nameof(options.RequestTimeout), errors, TimeRemedy, TryParseTime, v => options.RequestTimeout = v);
        Read<TimeSpan>(section, nameof(options.SendTimeout), errors, TimeRemedy, TryParseTime, v => options.SendTimeout = v);
        Read<int>(section, nameof(options.MaxConcurrentRequests), errors, "give a number", TryParseNumber, v => options.MaxConcurrentRequests = v);
        Read<bool>(section, nameof(options.SendStackTraces), errors, "give true or false", bool.TryParse, v => options.SendStackTraces = v);
        options.Executable = section[nameof(options.Executable)] ?? options.Executable;
        options.WorkingDirectory = section[nameof(options.WorkingDirectory)] ?? options.WorkingDirectory;
        if (section.GetSection(nameof(options.Arguments)) is { } arguments && arguments.Exists())
        {
            if (arguments.Value is { Length: > 0 } single)
                errors.Add($"{arguments.Path} is '{single}': give a list, one argument each.");
            options.Arguments = [.. arguments.GetChildren().Select(static c => c.Value ?? "")];
        }
        foreach (var variable in section.GetSection(nameof(options.Environment)).GetChildren())
            options.Environment[variable.Key] = variable.Value;
        return errors;
    }

    private const string TimeRemedy = "give a time as hh:mm:ss, for example 00:00:30";

    private delegate bool TryParse<T>(string text, out T value);

    private static void Read<T>(
        IConfigurationSection section, string name, List<string> errors, string remedy, TryParse<T> tryParse, Action<T> set)
    {
        if (section[name] is not { Length: > 0 } text)
            return;
        if (tryParse(text, out var value))
            set(value);
        else
            errors.Add($"{section.Path}:{name} is '{text}': {remedy}.");
    }

    private static bool TryParseNumber(string text, out int value) =>
        int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out value);

    private static bool TryParseWorkers(string text, out int value)
    {
        value = 0;
        return text.Equals("max", StringComparison.OrdinalIgnoreCase) || TryParseNumber(text, out value);
    }

    private static bool TryParseTime(string text, out TimeSpan value) =>
        TimeSpan.TryParseExact(text, "c", CultureInfo.InvariantCulture, out value);
}
