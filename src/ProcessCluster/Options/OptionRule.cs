using System.Globalization;

namespace ProcessCluster.Options;

/// <summary>A range of values.</summary>
/// <param name="Text">The range in words, after the value: "from 1 to 10".</param>
/// <param name="Holds">True when a value is within it. One of another type is not.</param>
internal sealed record OptionRule(string Text, Func<object?, bool> Holds);

/// <summary>The ranges that options have.</summary>
internal static class OptionRules
{
    private static readonly TimeSpan Day = TimeSpan.FromDays(1);

    /// <summary>More than zero and at most a day.</summary>
    public static readonly OptionRule UpToADay = new("more than zero and at most a day", static value => value is TimeSpan time && time > TimeSpan.Zero && time <= Day);

    /// <summary>From zero to a day.</summary>
    public static readonly OptionRule ZeroToADay = new("from zero to a day", static value => value is TimeSpan time && time >= TimeSpan.Zero && time <= Day);

    /// <summary>A share from 0 to 1. NaN is none.</summary>
    public static readonly OptionRule Share = Between(0.0, 1.0);

    /// <summary>The name of a cookie or a header (RFC 9110, token).</summary>
    public static readonly OptionRule Token = new("the name of a cookie or a header (RFC 9110, token)", static value => value is string name && IsToken(name));

    public static OptionRule Between(int least, int most, string meaning = "") =>
        new(string.Create(CultureInfo.InvariantCulture, $"from {least} to {most}{meaning}"), value => value is int number && number >= least && number <= most);

    public static OptionRule Between(double least, double most) =>
        new(string.Create(CultureInfo.InvariantCulture, $"from {least} to {most}"), value => value is double number && number >= least && number <= most);

    /// <summary>As <see cref="Between(int, int, string)"/>, from 1; zero has a meaning of its own.</summary>
    public static OptionRule UpTo(int most, string zeroMeans) =>
        new(string.Create(CultureInfo.InvariantCulture, $"from 1 to {most}; 0 means {zeroMeans}"), value => value is int and >= 0 and var number && number <= most);

    /// <summary>One of the enumeration's values.</summary>
    public static OptionRule Defined(Type enumeration) =>
        new($"one of {string.Join(", ", Enum.GetNames(enumeration))}", value => value?.GetType() == enumeration && Enum.IsDefined(enumeration, value));

    private static bool IsToken(string name) =>
        name.Length is > 0 and <= 256 && name.All(static c => char.IsAsciiLetterOrDigit(c) || "!#$%&'*+-.^_`|~".Contains(c, StringComparison.Ordinal));
}
