using System.Collections;
using System.Globalization;
using System.Reflection;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace ProcessCluster.AspNetCore.Tests;

/// <summary>Every option can be set in configuration, by its name.</summary>
public sealed class Options
{
    private static readonly string[] InCodeOnly = [nameof(ClusterOptions.Serializer), nameof(ClusterOptions.ReadyProbe), nameof(ClusterOptions.ReadyWhen), nameof(ClusterOptions.CustomDispatch)];

    [Fact]
    public void Every_option_is_read_from_configuration_by_its_name()
    {
        var settings = new Dictionary<string, string?>();
        var expected = new Dictionary<string, object>();
        Describe(new ClusterOptions(), "", settings, expected);
        // What has bounds.
        (settings["MaxWorkers"], expected["MaxWorkers"]) = ("7", 7);
        (settings["Mode"], expected["Mode"]) = ("Handoff", ListenMode.Handoff); // Another one does not go with the others; it is read for an end point.
        (settings["HangDumpDirectory"], expected["HangDumpDirectory"]) = (Path.GetTempPath(), Path.GetTempPath());
        (settings["WorkingDirectory"], expected["WorkingDirectory"]) = (Path.GetTempPath(), Path.GetTempPath());
        (settings["Recycle:MaxMemory"], expected["Recycle:MaxMemory"]) = ("100000000", 100_000_000L);

        var builder = WebApplication.CreateSlimBuilder();
        builder.Configuration.AddInMemoryCollection(settings.Select(setting => KeyValuePair.Create($"ProcessCluster:{setting.Key}", setting.Value)));
        builder.UseProcessCluster();
        using var provider = builder.Services.BuildServiceProvider();
        var options = provider.GetRequiredService<IOptions<ClusterOptions>>().Value;
        Assert.InRange(expected.Count, 30, 100);
        foreach (var (name, value) in expected)
            Assert.Equal((name, value), (name, Value(options, name)));
        Assert.Equal(ReadyWhen.Reported, options.ReadyWhen);
    }

    /// <summary>Another value than the default for each, as text and as it should be read.</summary>
    private static void Describe(object options, string prefix, Dictionary<string, string?> settings, Dictionary<string, object> expected)
    {
        foreach (var property in options.GetType().GetProperties(BindingFlags.Public | BindingFlags.Instance).Where(p => !InCodeOnly.Contains(p.Name)))
        {
            var name = $"{prefix}{property.Name}";
            switch (property.GetValue(options))
            {
                case RestartOptions or RecycleOptions or ConnectionSurvivalOptions:
                    Describe(property.GetValue(options)!, $"{property.Name}:", settings, expected);
                    continue;
                case IDictionary<string, string?>:
                    (settings[$"{name}:A"], expected[name]) = ("1", "A=1");
                    continue;
                case IDictionary<int, IDictionary<string, string?>>:
                    (settings[$"{name}:3:A"], expected[name]) = ("1", "3:A=1");
                    continue;
                case IDictionary<int, int>:
                    (settings[$"{name}:3"], expected[name]) = ("7", "3=7");
                    continue;
                case IList<EndPointOptions>:
                    DescribeEndPoint($"{name}:0", settings);
                    expected[name] = string.Join(',', settings.Where(setting => setting.Key.StartsWith($"{name}:0:", StringComparison.Ordinal))
                        .Select(setting => $"{setting.Key[(name.Length + 3)..]}={setting.Value}").Order());
                    continue;
                case IList<TimeOnly>:
                    (settings[$"{name}:0"], expected[name]) = ("04:30", "04:30");
                    continue;
                case null when property.PropertyType == typeof(IList<string>):
                    (settings[$"{name}:0"], expected[name]) = ("a", "a");
                    continue;
                case null when property.PropertyType == typeof(bool?):
                    expected[name] = true;
                    break;
                case null:
                    expected[name] = property.Name;
                    break;
                case string text:
                    expected[name] = $"{text}2";
                    break;
                case int number:
                    expected[name] = number + 1;
                    break;
                case long number:
                    expected[name] = number + 1;
                    break;
                case double number:
                    expected[name] = number + 0.5;
                    break;
                case bool flag:
                    expected[name] = !flag;
                    break;
                case TimeSpan time:
                    expected[name] = time + TimeSpan.FromSeconds(1);
                    break;
                case Enum value:
                    expected[name] = Enum.ToObject(value.GetType(), 1);
                    break;
                case var other:
                    Assert.Fail($"{name} is a {other.GetType()}, which this test does not know.");
                    break;
            }
            settings[name] = Convert.ToString(expected[name], CultureInfo.InvariantCulture);
        }
    }

    private static void DescribeEndPoint(string name, Dictionary<string, string?> settings)
    {
        foreach (var property in typeof(EndPointOptions).GetProperties().Where(p => !InCodeOnly.Contains(p.Name)))
        {
            var type = Nullable.GetUnderlyingType(property.PropertyType) ?? property.PropertyType;
            settings[$"{name}:{property.Name}"] = type switch
            {
                _ when type == typeof(string) => "5000",
                _ when type == typeof(int) => "7",
                _ when type == typeof(bool) => "True",
                _ when type == typeof(TimeSpan) => "00:00:07",
                _ when type == typeof(ListenMode) => nameof(ListenMode.Handoff), // Another one does not go with the others.
                { IsEnum: true } => Enum.GetNames(type)[1],
                _ => throw new ArgumentException($"{property.Name} is of a type that this test cannot fill yet."),
            };
        }
    }

    private static object? Value(ClusterOptions options, string name)
    {
        object target = name.Split(':')[0] switch { "Restart" => options.Restart, "Recycle" => options.Recycle, "ConnectionSurvival" => options.ConnectionSurvival, _ => options };
        return target.GetType().GetProperty(name.Split(':')[^1])!.GetValue(target) switch
        {
            IDictionary<string, string?> variables => string.Join(',', variables.Select(v => $"{v.Key}={v.Value}")),
            IDictionary<int, IDictionary<string, string?>> slots => string.Join(',', slots.SelectMany(s => s.Value.Select(v => $"{s.Key}:{v.Key}={v.Value}"))),
            IList<TimeOnly> times => string.Join(',', times.Select(t => t.ToString("HH:mm", CultureInfo.InvariantCulture))),
            IDictionary<int, int> weights => string.Join(',', weights.Select(w => $"{w.Key}={w.Value}")),
            IList<EndPointOptions> endPoints => string.Join(',', typeof(EndPointOptions).GetProperties().Select(p => (p.Name, Value: p.GetValue(endPoints.Single())))
                .Where(p => p.Value is not null).Select(p => string.Create(CultureInfo.InvariantCulture, $"{p.Name}={p.Value}")).Order()),
            string text => text,
            IEnumerable many => string.Join(',', many.Cast<object>()),
            var value => value,
        };
    }
}
