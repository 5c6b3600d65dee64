using System.ComponentModel;
using System.Globalization;

namespace ProcessCluster.TestApp;

/// <summary>Options as the specs write them: names and values in turn, <c>Restart:MaxDelay 00:00:01</c>.</summary>
internal static class DriverOptions
{
    public static ClusterOptions Parse(ReadOnlySpan<string> pairs)
    {
        var options = new ClusterOptions();
        for (var i = 0; i + 1 < pairs.Length; i += 2)
            Set(options, pairs[i], pairs[i + 1]);
        return options;
    }

    private static void Set(ClusterOptions options, string name, string value)
    {
        switch (name)
        {
            case nameof(ClusterOptions.Arguments):
                options.Arguments = value.Split(',');
                return;
            case nameof(ClusterOptions.ReadyProbe):
                // Asks the worker; one that has no handler is not fit.
                options.ReadyProbe = async (worker, token) => await worker.RequestAsync<Ask, Answer>(new Ask(7), token);
                return;
            case nameof(ClusterOptions.CustomDispatch):
                options.CustomDispatch = value switch
                {
                    "last" => static () => new LastWorker(),
                    "throws" => static () => new Thrower(),
                    "cannot-be-made" => static () => throw new InvalidOperationException("no policy today"),
                    _ => throw new ArgumentException($"Nothing is known as '{value}'."),
                };
                return;
            case var _ when name.StartsWith("Weights:", StringComparison.Ordinal):
                options.Weights[int.Parse(name["Weights:".Length..], CultureInfo.InvariantCulture)] = int.Parse(value, CultureInfo.InvariantCulture);
                return;
            case var _ when name.StartsWith("Environment:", StringComparison.Ordinal):
                options.Environment[name["Environment:".Length..]] = value;
                return;
            case var _ when name.StartsWith("SlotEnvironment:", StringComparison.Ordinal):
                var parts = name.Split(':');
                options.SlotEnvironment[int.Parse(parts[1], CultureInfo.InvariantCulture)] = new Dictionary<string, string?> { [parts[2]] = value };
                return;
        }
        object target = name.Split(':')[0] switch { "Restart" => options.Restart, "Recycle" => options.Recycle, "ConnectionSurvival" => options.ConnectionSurvival, _ => options };
        var property = target.GetType().GetProperty(name.Split(':')[^1]) ?? throw new ArgumentException($"Nothing is known as '{name}'.");
        property.SetValue(target, TypeDescriptor.GetConverter(property.PropertyType).ConvertFromInvariantString(value));
    }
}

/// <summary>Whoever came last has all.</summary>
internal sealed class LastWorker : IDispatchPolicy
{
    public int Choose(in DispatchConnection connection, ReadOnlySpan<DispatchCandidate> workers) => workers.Length - 1;
}

/// <summary>Fails, unless the client sends first that it shall not.</summary>
internal sealed class Thrower : IDispatchPolicy
{
    public int MaxPeekBytes => 8;

    public bool HasSeenEnough(ReadOnlySpan<byte> sent) => sent[0] != (byte)'!' ? true : throw new InvalidOperationException("on purpose, early");

    public int Choose(in DispatchConnection connection, ReadOnlySpan<DispatchCandidate> workers) =>
        connection.Sent.SequenceEqual("pass"u8) ? 0 : throw new InvalidOperationException("on purpose");
}
