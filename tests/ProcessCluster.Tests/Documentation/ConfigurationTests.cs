using System.Collections;
using System.Globalization;
using System.Reflection;

namespace ProcessCluster.Tests.Documentation;

/// <summary>configuration.md has every option, with its type and default, and no other.</summary>
public sealed class ConfigurationTests
{
    private const string Page = "configuration.md";

    private static readonly string[] Sections = ["Workers", "The program of a worker", "Restart", "Recycle", "Connections", "Connection survival", "Messages"];

    private static readonly Type[] Nested = [typeof(RestartOptions), typeof(RecycleOptions), typeof(ConnectionSurvivalOptions)];

    [Fact]
    public void Options_of_a_cluster_are_documented() =>
        Assert.Equal(OptionsOf(new ClusterOptions(), "").Order(StringComparer.Ordinal), Sections.SelectMany(Documented).Order(StringComparer.Ordinal));

    [Theory]
    [InlineData("End points", typeof(EndPointOptions))]
    [InlineData("Listening", typeof(ClusterListenOptions))]
    [InlineData("UDP", typeof(ClusterUdpOptions))]
    public void Other_options_are_documented(string section, Type options) => Assert.Equal(
        OptionsOf(Activator.CreateInstance(options)!, "").Order(StringComparer.Ordinal), Documented(section).Order(StringComparer.Ordinal));

    [Fact]
    public void Options_per_end_point_are_marked()
    {
        var overridable = typeof(EndPointOptions).GetProperties().Select(property => property.Name).Where(name => name != nameof(EndPointOptions.Address));
        var marked = Sections.SelectMany(Rows).Where(row => row[5] == "yes").Select(row => row[0]);
        Assert.Equal(overridable.Order(StringComparer.Ordinal), marked.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Enumerations_are_listed_with_all_their_members()
    {
        foreach (var (option, values) in new (string, string[])[]
        {
            ("Restart:Policy", Enum.GetNames<RestartPolicy>()), ("Restart:WhenExhausted", Enum.GetNames<WhenExhausted>()),
            ("Mode", Enum.GetNames<ListenMode>()), ("WhenFull", Enum.GetNames<WhenFull>()),
        })
            Assert.Equal(string.Join(", ", values), Sections.SelectMany(Rows).Single(row => row[0] == option)[4]);
    }

    private static List<string[]> Rows(string section) => MarkdownTable.Read(Page, $"## {section}");

    private static IEnumerable<string> Documented(string section) => Rows(section).Select(row => string.Join(" | ", row.Take(3)));

    private static IEnumerable<string> OptionsOf(object options, string prefix)
    {
        foreach (var property in options.GetType().GetProperties(BindingFlags.Public | BindingFlags.Instance | BindingFlags.DeclaredOnly))
        {
            var value = property.GetValue(options);
            if (Nested.Contains(property.PropertyType))
            {
                foreach (var nested in OptionsOf(value!, $"{property.Name}:"))
                    yield return nested;
            }
            else
                yield return $"{prefix}{property.Name} | {Name(property.PropertyType)} | {Default(value)}";
        }
    }

    private static string Name(Type type)
    {
        if (Nullable.GetUnderlyingType(type) is { } underlying)
            return $"{Name(underlying)}?";
        if (type.IsGenericType)
            return $"{type.Name.Split('`')[0]}<{string.Join(", ", type.GetGenericArguments().Select(Name))}>";
        return Type.GetTypeCode(type) switch
        {
            _ when type.IsEnum => type.Name,
            TypeCode.Boolean => "bool",
            TypeCode.Byte => "byte",
            TypeCode.Int32 => "int",
            TypeCode.UInt32 => "uint",
            TypeCode.Int64 => "long",
            TypeCode.Double => "double",
            TypeCode.String => "string",
            _ => type.Name,
        };
    }

    private static string Default(object? value) => value switch
    {
        null => "none",
        bool flag => flag ? "true" : "false",
        TimeSpan time when time.Milliseconds != 0 => time.ToString("c", CultureInfo.InvariantCulture).TrimEnd('0'),
        TimeSpan time => time.ToString("c", CultureInfo.InvariantCulture),
        "" => "empty",
        string { Length: > 40 } => "a sentence",
        string text => text,
        ReadOnlyMemory<byte> { IsEmpty: true } => "empty",
        IEnumerable items when !items.Cast<object>().Any() => "empty",
        IFormattable number => number.ToString(null, CultureInfo.InvariantCulture),
        _ => throw new NotSupportedException($"The default {value} has no text."),
    };
}
