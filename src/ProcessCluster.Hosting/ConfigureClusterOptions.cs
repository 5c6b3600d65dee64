using System.Globalization;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Options;

namespace ProcessCluster.Hosting;

/// <summary>Reads <see cref="ClusterOptions"/> from the configuration section <c>ProcessCluster</c>, all errors at once.</summary>
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

    /// <summary>Sets what can be read, and gives what cannot.</summary>
    private List<string> Read(ClusterOptions options)
    {
        var section = configuration.GetSection(Section);
        var errors = new List<string>();
        Read<int>(section, nameof(options.Workers), errors, "give a number, or 'max' for one per processor", TryParseWorkers, v => options.Workers = v);
        Read<bool>(section, nameof(options.Silent), errors, "give true or false", bool.TryParse, v => options.Silent = v);
        Read<TimeSpan>(section, nameof(options.BootTimeout), errors, TimeRemedy, TryParseTime, v => options.BootTimeout = v);
        Read<TimeSpan>(section, nameof(options.DrainTimeout), errors, TimeRemedy, TryParseTime, v => options.DrainTimeout = v);
        Read<bool>(section, nameof(options.MoveConnections), errors, "give true or false", bool.TryParse, v => options.MoveConnections = v);
        Read<bool>(section, nameof(options.RebalanceConnections), errors, "give true or false", bool.TryParse, v => options.RebalanceConnections = v);
        Read<TimeSpan>(section, nameof(options.MaxWait), errors, TimeRemedy, TryParseTime, v => options.MaxWait = v);
        Read<int>(section, nameof(options.MaxWaitingConnections), errors, "give a number", TryParseNumber, v => options.MaxWaitingConnections = v);
        Read<ListenMode>(section, nameof(options.Mode), errors, OneOf<ListenMode>(), TryParseName, v => options.Mode = v);
        Read<DispatchPolicy>(section, nameof(options.Dispatch), errors, OneOf<DispatchPolicy>(), TryParseName, v => options.Dispatch = v);
        Read<int>(section, nameof(options.MaxConnectionsPerWorker), errors, "give a number", TryParseNumber, v => options.MaxConnectionsPerWorker = v);
        Read<WhenFull>(section, nameof(options.WhenFull), errors, OneOf<WhenFull>(), TryParseName, v => options.WhenFull = v);
        Read<TimeSpan>(section, nameof(options.MaxPeekTime), errors, TimeRemedy, TryParseTime, v => options.MaxPeekTime = v);
        Read<bool>(section, nameof(options.ProxyProtocol), errors, "give true or false", bool.TryParse, v => options.ProxyProtocol = v);
        options.StickyName = section[nameof(options.StickyName)] ?? options.StickyName;
        ReadEndPoints(section.GetSection(nameof(options.EndPoints)), options, errors);
        ReadWeights(section.GetSection(nameof(options.Weights)), options, errors);
        Read<int>(section, nameof(options.MaxMessageBytes), errors, "give a number of bytes", TryParseNumber, v => options.MaxMessageBytes = v);
        Read<TimeSpan>(section, nameof(options.RequestTimeout), errors, TimeRemedy, TryParseTime, v => options.RequestTimeout = v);
        Read<TimeSpan>(section, nameof(options.SendTimeout), errors, TimeRemedy, TryParseTime, v => options.SendTimeout = v);
        Read<int>(section, nameof(options.MaxConcurrentRequests), errors, "give a number", TryParseNumber, v => options.MaxConcurrentRequests = v);
        Read<bool>(section, nameof(options.SendStackTraces), errors, "give true or false", bool.TryParse, v => options.SendStackTraces = v);
        Read<TimeSpan>(section, nameof(options.SoakTime), errors, TimeRemedy, TryParseTime, v => options.SoakTime = v);
        Read<TimeSpan>(section, nameof(options.HeartbeatInterval), errors, TimeRemedy, TryParseTime, v => options.HeartbeatInterval = v);
        Read<TimeSpan>(section, nameof(options.HeartbeatTimeout), errors, TimeRemedy, TryParseTime, v => options.HeartbeatTimeout = v);
        Read<int>(section, nameof(options.StandbyWorkers), errors, "give a number", TryParseNumber, v => options.StandbyWorkers = v);
        Read<int>(section, nameof(options.MinWorkers), errors, "give a number", TryParseNumber, v => options.MinWorkers = v);
        Read<int>(section, nameof(options.MaxWorkers), errors, "give a number", TryParseNumber, v => options.MaxWorkers = v);
        Read<bool>(section, nameof(options.WorkerOutputPrefix), errors, "give true or false", bool.TryParse, v => options.WorkerOutputPrefix = v);
        Read<bool>(section, nameof(options.PinProcessors), errors, "give true or false", bool.TryParse, v => options.PinProcessors = v);
        options.HangDump = section[nameof(options.HangDump)] ?? options.HangDump;
        ReadRestart(section.GetSection(nameof(options.Restart)), options.Restart, errors);
        ReadRecycle(section.GetSection(nameof(options.Recycle)), options.Recycle, errors);
        ReadSurvival(section.GetSection(nameof(options.ConnectionSurvival)), options.ConnectionSurvival, errors);
        ReadSlots(section.GetSection(nameof(options.SlotEnvironment)), options, errors);
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

    private static void ReadRestart(IConfigurationSection section, RestartOptions options, List<string> errors)
    {
        Read<RestartPolicy>(section, nameof(options.Policy), errors, OneOf<RestartPolicy>(), TryParseName, v => options.Policy = v);
        Read<TimeSpan>(section, nameof(options.InitialDelay), errors, TimeRemedy, TryParseTime, v => options.InitialDelay = v);
        Read<double>(section, nameof(options.Factor), errors, NumberRemedy, TryParseDouble, v => options.Factor = v);
        Read<TimeSpan>(section, nameof(options.MaxDelay), errors, TimeRemedy, TryParseTime, v => options.MaxDelay = v);
        Read<double>(section, nameof(options.Jitter), errors, NumberRemedy, TryParseDouble, v => options.Jitter = v);
        Read<TimeSpan>(section, nameof(options.StableAfter), errors, TimeRemedy, TryParseTime, v => options.StableAfter = v);
        Read<int>(section, nameof(options.MaxRestarts), errors, "give a number", TryParseNumber, v => options.MaxRestarts = v);
        Read<TimeSpan>(section, nameof(options.Window), errors, TimeRemedy, TryParseTime, v => options.Window = v);
        Read<WhenExhausted>(section, nameof(options.WhenExhausted), errors, OneOf<WhenExhausted>(), TryParseName, v => options.WhenExhausted = v);
    }

    private static void ReadRecycle(IConfigurationSection section, RecycleOptions options, List<string> errors)
    {
        Read<long>(section, nameof(options.MaxMemory), errors, "give a number of bytes", TryParseLong, v => options.MaxMemory = v);
        Read<long>(section, nameof(options.MaxRequests), errors, "give a number", TryParseLong, v => options.MaxRequests = v);
        Read<TimeSpan>(section, nameof(options.MaxAge), errors, TimeRemedy, TryParseTime, v => options.MaxAge = v);
        Read<double>(section, nameof(options.Jitter), errors, NumberRemedy, TryParseDouble, v => options.Jitter = v);
        var times = section.GetSection(nameof(options.Schedule));
        foreach (var entry in times.GetChildren().Prepend(times).Where(static entry => entry.Value is { Length: > 0 }))
        {
            if (TimeOnly.TryParse(entry.Value, CultureInfo.InvariantCulture, out var time))
                options.Schedule.Add(time);
            else
                errors.Add($"{entry.Path} is '{entry.Value}': give a time of the day, for example 04:30.");
        }
    }

    private static void ReadSurvival(IConfigurationSection section, ConnectionSurvivalOptions options, List<string> errors)
    {
        Read<bool>(section, nameof(options.Enabled), errors, "give true or false", bool.TryParse, v => options.Enabled = v);
        Read<int>(section, nameof(options.MaxConnections), errors, "give a number", TryParseNumber, v => options.MaxConnections = v);
        options.Body = section[nameof(options.Body)] ?? options.Body;
        Read<int>(section, nameof(options.QuarantineAfter), errors, "give a number", TryParseNumber, v => options.QuarantineAfter = v);
        Read<TimeSpan>(section, nameof(options.QuarantineTime), errors, TimeRemedy, TryParseTime, v => options.QuarantineTime = v);
        Read<bool>(section, nameof(options.ReplayIdempotent), errors, "give true or false", bool.TryParse, v => options.ReplayIdempotent = v);
    }

    private static void ReadEndPoints(IConfigurationSection section, ClusterOptions options, List<string> errors)
    {
        foreach (var entry in section.GetChildren())
        {
            var endPoint = new EndPointOptions { Address = entry[nameof(EndPointOptions.Address)] ?? "", StickyName = entry[nameof(EndPointOptions.StickyName)] };
            Read<ListenMode>(entry, nameof(endPoint.Mode), errors, OneOf<ListenMode>(), TryParseName, v => endPoint.Mode = v);
            Read<DispatchPolicy>(entry, nameof(endPoint.Dispatch), errors, OneOf<DispatchPolicy>(), TryParseName, v => endPoint.Dispatch = v);
            Read<int>(entry, nameof(endPoint.MaxConnectionsPerWorker), errors, "give a number", TryParseNumber, v => endPoint.MaxConnectionsPerWorker = v);
            Read<int>(entry, nameof(endPoint.MaxWaitingConnections), errors, "give a number", TryParseNumber, v => endPoint.MaxWaitingConnections = v);
            Read<TimeSpan>(entry, nameof(endPoint.MaxWait), errors, TimeRemedy, TryParseTime, v => endPoint.MaxWait = v);
            Read<WhenFull>(entry, nameof(endPoint.WhenFull), errors, OneOf<WhenFull>(), TryParseName, v => endPoint.WhenFull = v);
            Read<TimeSpan>(entry, nameof(endPoint.MaxPeekTime), errors, TimeRemedy, TryParseTime, v => endPoint.MaxPeekTime = v);
            Read<bool>(entry, nameof(endPoint.ProxyProtocol), errors, "give true or false", bool.TryParse, v => endPoint.ProxyProtocol = v);
            options.EndPoints.Add(endPoint);
        }
    }

    private static void ReadWeights(IConfigurationSection section, ClusterOptions options, List<string> errors)
    {
        foreach (var weight in section.GetChildren())
        {
            if (TryParseNumber(weight.Key, out var slot) && TryParseNumber(weight.Value ?? "", out var value))
                options.Weights[slot] = value;
            else
                errors.Add($"{weight.Path} is '{weight.Value}': give a slot's number and its weight, for example 0 and 3.");
        }
    }

    private static void ReadSlots(IConfigurationSection section, ClusterOptions options, List<string> errors)
    {
        foreach (var slot in section.GetChildren())
        {
            if (!TryParseNumber(slot.Key, out var number))
            {
                errors.Add($"{slot.Path} is no slot: give its number, from 0.");
                continue;
            }
            options.SlotEnvironment[number] = slot.GetChildren().ToDictionary(static v => v.Key, static v => v.Value, StringComparer.Ordinal);
        }
    }

    private static string OneOf<T>()
        where T : struct, Enum => $"give one of {string.Join(", ", Enum.GetNames<T>())}";

    private const string NumberRemedy = "give a number, for example 1.5";

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

    private static bool TryParseLong(string text, out long value) =>
        long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out value);

    private static bool TryParseDouble(string text, out double value) =>
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out value);

    // A number would be taken for a name.
    private static bool TryParseName<T>(string text, out T value)
        where T : struct, Enum => Enum.TryParse(text, ignoreCase: true, out value) && !char.IsAsciiDigit(text[0]) && text[0] != '-';

    private static bool TryParseWorkers(string text, out int value)
    {
        value = 0;
        return text.Equals("max", StringComparison.OrdinalIgnoreCase) || TryParseNumber(text, out value);
    }

    private static bool TryParseTime(string text, out TimeSpan value) =>
        TimeSpan.TryParseExact(text, "c", CultureInfo.InvariantCulture, out value);
}
