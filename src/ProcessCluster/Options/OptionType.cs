using System.Globalization;

namespace ProcessCluster.Options;

/// <summary>The values that an option can have, and their form in configuration.</summary>
/// <param name="Name">The type as documents name it.</param>
/// <param name="Remedy">The advice for a text that cannot be read, after "give".</param>
/// <param name="Read">Reads the text of a configuration. Returns null when the text is none.</param>
internal sealed record OptionType(string Name, string Remedy, Func<string, object?> Read)
{
    /// <summary>Gets whether an empty text is a value, rather than no value.</summary>
    public bool AllowsEmpty { get; init; }
}

/// <summary>The types that options have.</summary>
internal static class OptionTypes
{
    public static readonly OptionType Flag = new("bool", "true or false", static text => bool.TryParse(text, out var value) ? value : null);

    public static readonly OptionType Number = new("int", "a number", static text => ReadInt(text));

    /// <summary>A number of workers, or <c>max</c> for one per processor.</summary>
    public static readonly OptionType WorkerCount = new(
        "int", "a number, or 'max' for one per processor", static text => text.Equals("max", StringComparison.OrdinalIgnoreCase) ? 0 : ReadInt(text));

    public static readonly OptionType Bytes = new("int (bytes)", "a number of bytes", static text => ReadInt(text));

    public static readonly OptionType LongNumber = new("long", "a number", static text => ReadLong(text));

    public static readonly OptionType LongBytes = new("long (bytes)", "a number of bytes", static text => ReadLong(text));

    public static readonly OptionType Fraction = new(
        "double",
        "a number, for example 1.5",
        static text => double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var value) ? value : null);

    public static readonly OptionType Time = new(
        "TimeSpan",
        "a time as hh:mm:ss, for example 00:00:30",
        static text => TimeSpan.TryParseExact(text, "c", CultureInfo.InvariantCulture, out var value) ? value : null);

    public static readonly OptionType Text = new("string", "a text", static text => text) { AllowsEmpty = true };

    /// <summary>Returns the type of an option that is one of an enumeration's names.</summary>
    public static OptionType OneOf(Type enumeration) => new(
        enumeration.Name,
        $"one of {string.Join(", ", Enum.GetNames(enumeration))}",
        // Enum.TryParse takes a number for a name.
        text => Enum.TryParse(enumeration, text, ignoreCase: true, out var value) && !char.IsAsciiDigit(text[0]) && text[0] != '-' ? value : null);

    private static int? ReadInt(string text) => int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value) ? value : null;

    private static long? ReadLong(string text) => long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value) ? value : null;
}
