using System.Globalization;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Options;
using ProcessCluster.Options;

namespace ProcessCluster.Hosting;

/// <summary>Reads <see cref="ClusterOptions"/> from the configuration section <c>ProcessCluster</c>. Reports all errors at once.</summary>
internal sealed class ConfigureClusterOptions(IConfiguration configuration) : IConfigureOptions<ClusterOptions>, IValidateOptions<ClusterOptions>
{
    public const string Section = "ProcessCluster";

    public void Configure(ClusterOptions options)
    {
        options.ReadyWhen = ReadyWhen.Reported; // Hosts say so when the application has started.
        Read(options);
    }

    public ValidateOptionsResult Validate(string? name, ClusterOptions options) =>
        Read(new ClusterOptions()) is { Count: > 0 } errors ? ValidateOptionsResult.Fail(errors) : ValidateOptionsResult.Success;

    /// <summary>Sets each option that can be read. Returns the errors of the others.</summary>
    private List<string> Read(ClusterOptions options)
    {
        var section = configuration.GetSection(Section);
        var errors = new List<string>();
        Read(section, OptionTable.Cluster, options, errors);
        Read(section.GetSection(nameof(options.Restart)), OptionTable.Restart, options.Restart, errors);
        Read(section.GetSection(nameof(options.Recycle)), OptionTable.Recycle, options.Recycle, errors);
        Read(section.GetSection(nameof(options.ConnectionSurvival)), OptionTable.ConnectionSurvival, options.ConnectionSurvival, errors);
        foreach (var entry in section.GetSection(nameof(options.EndPoints)).GetChildren())
        {
            var endPoint = new EndPointOptions();
            Read(entry, OptionTable.EndPoint, endPoint, errors);
            options.EndPoints.Add(endPoint);
        }
        ReadSchedule(section.GetSection($"{nameof(options.Recycle)}:{nameof(RecycleOptions.Schedule)}"), options.Recycle, errors);
        ReadWeights(section.GetSection(nameof(options.Weights)), options, errors);
        ReadSlots(section.GetSection(nameof(options.SlotEnvironment)), options, errors);
        ReadArguments(section.GetSection(nameof(options.Arguments)), options, errors);
        foreach (var variable in section.GetSection(nameof(options.Environment)).GetChildren())
            options.Environment[variable.Key] = variable.Value;
        return errors;
    }

    private static void Read<TOptions>(IConfigurationSection section, IReadOnlyList<Option<TOptions>> rows, TOptions options, List<string> errors)
    {
        foreach (var row in rows.Where(static row => row.IsText))
        {
            if (section[row.Name] is { } text && (text.Length > 0 || row.AllowsEmpty) && row.Read(options, text) is { } remedy)
                errors.Add($"{section.Path}:{row.Name} is '{text}': give {remedy}.");
        }
    }

    private static void ReadSchedule(IConfigurationSection section, RecycleOptions options, List<string> errors)
    {
        foreach (var entry in section.GetChildren().Prepend(section).Where(static entry => entry.Value is { Length: > 0 }))
        {
            if (TimeOnly.TryParse(entry.Value, CultureInfo.InvariantCulture, out var time))
                options.Schedule.Add(time);
            else
                errors.Add($"{entry.Path} is '{entry.Value}': give a time of the day, for example 04:30.");
        }
    }

    private static void ReadWeights(IConfigurationSection section, ClusterOptions options, List<string> errors)
    {
        foreach (var weight in section.GetChildren())
        {
            if (TryReadNumber(weight.Key, out var slot) && TryReadNumber(weight.Value ?? "", out var value))
                options.Weights[slot] = value;
            else
                errors.Add($"{weight.Path} is '{weight.Value}': give a slot's number and its weight, for example 0 and 3.");
        }
    }

    private static void ReadSlots(IConfigurationSection section, ClusterOptions options, List<string> errors)
    {
        foreach (var slot in section.GetChildren())
        {
            if (!TryReadNumber(slot.Key, out var number))
            {
                errors.Add($"{slot.Path} is no slot: give its number, from 0.");
                continue;
            }
            options.SlotEnvironment[number] = slot.GetChildren().ToDictionary(static v => v.Key, static v => v.Value, StringComparer.Ordinal);
        }
    }

    private static void ReadArguments(IConfigurationSection section, ClusterOptions options, List<string> errors)
    {
        if (!section.Exists())
            return;
        if (section.Value is { Length: > 0 } single)
            errors.Add($"{section.Path} is '{single}': give a list, one argument each.");
        options.Arguments = [.. section.GetChildren().Select(static c => c.Value ?? "")];
    }

    private static bool TryReadNumber(string text, out int value) =>
        int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out value);
}
