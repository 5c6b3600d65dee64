using System.Reflection;

namespace ProcessCluster.Tests.Options;

public sealed class ClusterOptionsTests
{
    private static readonly List<(string Option, Action<ClusterOptions> Spoil)> Spoilers =
    [
        (nameof(ClusterOptions.Workers), o => o.Workers = ClusterOptions.MaxWorkerCount + 1),
        (nameof(ClusterOptions.Executable), o => o.Executable = ""),
        (nameof(ClusterOptions.Executable), o => o.Executable = "  "),
        (nameof(ClusterOptions.Arguments), o => o.Arguments = ["a", null!]),
        (nameof(ClusterOptions.Arguments), o => o.Arguments = ["a\0b"]),
        (nameof(ClusterOptions.WorkingDirectory), o => o.WorkingDirectory = "/nowhere/at/all"),
        (nameof(ClusterOptions.WorkingDirectory), o => o.WorkingDirectory = ""),
        (nameof(ClusterOptions.Environment), o => o.Environment[""] = "value"),
        (nameof(ClusterOptions.Environment), o => o.Environment["A=B"] = "value"),
        (nameof(ClusterOptions.Environment), o => o.Environment["A\0"] = "value"),
        (nameof(ClusterOptions.Environment), o => o.Environment["A"] = "value\0"),
        (nameof(ClusterOptions.BootTimeout), o => o.BootTimeout = TimeSpan.Zero),
        (nameof(ClusterOptions.BootTimeout), o => o.BootTimeout = Timeout.InfiniteTimeSpan),
        (nameof(ClusterOptions.DrainTimeout), o => o.DrainTimeout = TimeSpan.FromTicks(-1)),
        (nameof(ClusterOptions.DrainTimeout), o => o.DrainTimeout = TimeSpan.FromDays(1) + TimeSpan.FromTicks(1)),
        (nameof(ClusterOptions.QueueTimeout), o => o.QueueTimeout = TimeSpan.MaxValue),
        (nameof(ClusterOptions.MaxWaitingConnections), o => o.MaxWaitingConnections = 0),
        (nameof(ClusterOptions.MaxWaitingConnections), o => o.MaxWaitingConnections = 1_000_001),
        ("ConnectionSurvival:ReplayIdempotent", o => (o.ConnectionSurvival.ReplayIdempotent, o.ConnectionSurvival.Enabled) = (true, null)),
        ("ConnectionSurvival:ReplayIdempotent", o => (o.ConnectionSurvival.ReplayIdempotent, o.ConnectionSurvival.Enabled) = (true, false)),
    ];

    public static TheoryData<int, string> Bad()
    {
        var bad = new TheoryData<int, string>();
        for (var i = 0; i < Spoilers.Count; i++)
            bad.Add(i, Spoilers[i].Option);
        return bad;
    }

    [Fact]
    public void The_defaults_are_valid() => Assert.Empty(new ClusterOptions().Validate());

    [Fact]
    public void The_limits_are_valid()
    {
        var options = new ClusterOptions
        {
            Workers = ClusterOptions.MaxWorkerCount,
            Executable = "/bin/true",
            Arguments = [""],
            WorkingDirectory = "/",
            BootTimeout = TimeSpan.FromTicks(1),
            DrainTimeout = TimeSpan.FromDays(1),
            MaxWaitingConnections = 1_000_000,
            Environment = { ["A"] = null, ["B"] = "", ["C"] = "=" },
        };
        Assert.Empty(options.Validate());
        options.Workers = int.MinValue;
        options.MaxWaitingConnections = 1;
        Assert.Empty(options.Validate());
    }

    [Theory]
    [MemberData(nameof(Bad))]
    public void A_value_that_cannot_be_is_an_error_that_names_its_option(int spoiler, string option)
    {
        var options = new ClusterOptions();
        Spoilers[spoiler].Spoil(options);
        Assert.StartsWith($"{option} ", Assert.Single(options.Validate()), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true, 0, 1, 60, null)]
    [InlineData(null, 1, 100, 0.001, null)]
    [InlineData(false, 0, 0, 86_400, null)]
    [InlineData(true, 0, -1, 60, "ConnectionSurvival:QuarantineAfter is -1: from 1 to 100; 0 means no quarantine.")]
    [InlineData(true, 0, 101, 60, "ConnectionSurvival:QuarantineAfter is 101: ")]
    [InlineData(null, 0, 3, 60, "ConnectionSurvival:QuarantineAfter is 3, but connections do not survive their workers")]
    [InlineData(false, 2, 3, 60, "ConnectionSurvival:QuarantineAfter is 3, but connections do not survive their workers")]
    [InlineData(true, 0, 3, 0, "ConnectionSurvival:QuarantineTime is 00:00:00: more than zero and at most a day.")]
    [InlineData(true, 0, 0, 86_401, "ConnectionSurvival:QuarantineTime is 1.00:00:01: ")]
    public void A_quarantine_has_bounds_and_needs_connections_that_survive(bool? isEnabled, int standby, int after, double seconds, string? error)
    {
        var options = new ClusterOptions
        {
            StandbyWorkers = standby,
            ConnectionSurvival = { Enabled = isEnabled, QuarantineAfter = after, QuarantineTime = TimeSpan.FromSeconds(seconds) },
        };
        var errors = options.Validate();
        if (error is null)
            Assert.Empty(errors);
        else
            Assert.StartsWith(error, Assert.Single(errors), StringComparison.Ordinal);
    }

    [Fact]
    public void All_errors_are_told_at_once()
    {
        var options = new ClusterOptions();
        foreach (var (_, spoil) in Spoilers)
            spoil(options);
        var named = options.Validate().Select(error => error.Split(' ')[0]).Distinct();
        Assert.Equal(Spoilers.Select(spoiler => spoiler.Option).Distinct().Order(), named.Order());
    }

    [Theory]
    [InlineData(0, 8, 8)]
    [InlineData(3, 8, 3)]
    [InlineData(16, 8, 16)]
    [InlineData(-1, 8, 7)]
    [InlineData(-7, 8, 1)]
    [InlineData(-8, 8, 1)]
    [InlineData(-100, 8, 1)]
    [InlineData(int.MinValue, 8, 1)]
    [InlineData(0, 1, 1)]
    [InlineData(-1, 1, 1)]
    public void The_number_of_workers_goes_by_the_processors_unless_it_is_given(int workers, int processors, int expected) =>
        Assert.Equal(expected, new ClusterOptions { Workers = workers }.ResolveWorkers(processors));

    [Fact]
    public void A_copy_has_every_property()
    {
        var original = Filled();
        Assert.Equal(Values(original), Values(original.Copy()));
        Assert.All(Values(original).Zip(Values(new ClusterOptions())), pair => Assert.NotEqual(pair.Second, pair.First));
    }

    [Fact]
    public void A_copy_of_the_defaults_has_the_defaults() => Assert.Equal(Values(new ClusterOptions()), Values(new ClusterOptions().Copy()));

    [Fact]
    public void A_copy_goes_its_own_way()
    {
        var original = Filled();
        var copy = original.Copy();
        original.Arguments![0] = "changed";
        original.Environment.Clear();
        Assert.NotEqual("changed", copy.Arguments![0]);
        Assert.NotEmpty(copy.Environment);
    }

    /// <summary>Options that have another value than the default everywhere.</summary>
    private static ClusterOptions Filled()
    {
        var options = new ClusterOptions();
        Fill(options);
        return options;
    }

    private static void Fill(object options)
    {
        foreach (var property in PropertiesOf(options))
        {
            switch (property.GetValue(options))
            {
                case RestartOptions or RecycleOptions or ConnectionSurvivalOptions:
                    Fill(property.GetValue(options)!);
                    break;
                case int number:
                    property.SetValue(options, number + 1);
                    break;
                case long number:
                    property.SetValue(options, number + 1);
                    break;
                case double number:
                    property.SetValue(options, number / 2);
                    break;
                case bool flag:
                    property.SetValue(options, !flag);
                    break;
                case null when property.PropertyType == typeof(bool?):
                    property.SetValue(options, true);
                    break;
                case Enum:
                    property.SetValue(options, Enum.ToObject(property.PropertyType, 1));
                    break;
                case TimeSpan time:
                    property.SetValue(options, time + TimeSpan.FromSeconds(1));
                    break;
                case null when property.PropertyType == typeof(IMessageSerializer):
                    property.SetValue(options, ProcessCluster.Serialization.GeneratedMessageSerializer.Instance);
                    break;
                case null when property.PropertyType == typeof(Func<ClusterWorker, CancellationToken, Task>):
                    property.SetValue(options, (Func<ClusterWorker, CancellationToken, Task>)((_, _) => Task.CompletedTask));
                    break;
                case null when property.PropertyType == typeof(Func<IDispatchPolicy>):
                    property.SetValue(options, (Func<IDispatchPolicy>)(() => null!));
                    break;
                case string text:
                    property.SetValue(options, $"{text}2");
                    break;
                case IDictionary<int, int> weights:
                    weights[1] = 3;
                    break;
                case IList<EndPointOptions> endPoints:
                    endPoints.Add(new EndPointOptions { Address = "5000", Dispatch = DispatchPolicy.Random });
                    break;
                case null when property.PropertyType == typeof(string):
                    property.SetValue(options, property.Name);
                    break;
                case null when property.PropertyType == typeof(IList<string>):
                    property.SetValue(options, new List<string> { "a", "b" });
                    break;
                case IList<TimeOnly> times:
                    times.Add(new TimeOnly(4, 30));
                    break;
                case IDictionary<string, string?> dictionary:
                    (dictionary["a"], dictionary["b"]) = ("1", null);
                    break;
                case IDictionary<int, IDictionary<string, string?>> slots:
                    slots[1] = new Dictionary<string, string?> { ["a"] = "1" };
                    break;
                default:
                    Assert.Fail($"{property.Name} is of a type that this test cannot fill yet.");
                    break;
            }
        }
    }

    /// <summary>Every property with its value, those of groups, too.</summary>
    private static List<(string Name, object? Value)> Values(object options, string prefix = "") => [.. PropertiesOf(options).SelectMany(property =>
        property.GetValue(options) switch
        {
            RestartOptions or RecycleOptions or ConnectionSurvivalOptions => Values(property.GetValue(options)!, $"{property.Name}:"),
            IDictionary<int, IDictionary<string, string?>> slots => slots.SelectMany(slot => slot.Value.Select(v => ($"{slot.Key}:{v.Key}", (object?)v.Value)))
                .DefaultIfEmpty((property.Name, null)),
            IList<EndPointOptions> endPoints => endPoints.SelectMany(static endPoint => PropertiesOf(endPoint).Select(p => ($"EndPoints:{p.Name}", p.GetValue(endPoint))))
                .DefaultIfEmpty((property.Name, null)),
            string text => [($"{prefix}{property.Name}", text)],
            System.Collections.IEnumerable many => [($"{prefix}{property.Name}", string.Join(';', many.Cast<object>()))],
            var value => [($"{prefix}{property.Name}", value)],
        })];

    private static PropertyInfo[] PropertiesOf(object options) =>
        options.GetType().GetProperties(BindingFlags.Public | BindingFlags.Instance);
}
