using System.Globalization;

namespace ProcessCluster.Options;

/// <summary>The values that an option can have, and their form in configuration.</summary>
/// <param name="Name">The type as documents name it.</param>
/// <param name="Remedy">The advice for a text that cannot be read, after "give".</param>
/// <param name="Read">Reads the text of a configuration.</param>
internal sealed record OptionType<T>(string Name, string Remedy, OptionType<T>.TryRead Read)
{
    /// <summary>Reads a value. Returns false when the text is none.</summary>
    public delegate bool TryRead(string text, out T value);

    /// <summary>Gets whether an empty text is a value, rather than no value.</summary>
    public bool AllowsEmpty { get; init; }
}

/// <summary>The types that options have.</summary>
internal static class OptionTypes
{
    public static readonly OptionType<bool> Flag = new("bool", "true or false", bool.TryParse);

    public static readonly OptionType<int> Number = new("int", "a number", TryReadInt);

    /// <summary>A number of workers, or <c>max</c> for one per processor.</summary>
    public static readonly OptionType<int> WorkerCount = new("int", "a number, or 'max' for one per processor", TryReadWorkers);

    public static readonly OptionType<int> Bytes = new("int (bytes)", "a number of bytes", TryReadInt);

    public static readonly OptionType<long> LongNumber = new("long", "a number", TryReadLong);

    public static readonly OptionType<long> LongBytes = new("long (bytes)", "a number of bytes", TryReadLong);

    public static readonly OptionType<double> Fraction = new(
        "double",
        "a number, for example 1.5",
        static (string text, out double value) => double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out value));

    public static readonly OptionType<TimeSpan> Time = new(
        "TimeSpan",
        "a time as hh:mm:ss, for example 00:00:30",
        static (string text, out TimeSpan value) => TimeSpan.TryParseExact(text, "c", CultureInfo.InvariantCulture, out value));

    public static readonly OptionType<string> Text = new("string", "a text", TryReadText<string>) { AllowsEmpty = true };

    public static readonly OptionType<string?> OptionalText = new("string", "a text", TryReadText<string?>) { AllowsEmpty = true };

    /// <summary>Returns the type of an option that is one of an enumeration's names.</summary>
    public static OptionType<T> OneOf<T>()
        where T : struct, Enum => new(typeof(T).Name, $"one of {string.Join(", ", Enum.GetNames<T>())}", TryReadName);

    /// <summary>Returns the type of an option that can be left out.</summary>
    public static OptionType<T?> Optional<T>(OptionType<T> type)
        where T : struct => new(type.Name, type.Remedy, (string text, out T? value) =>
        {
            var isRead = type.Read(text, out var read);
            value = read;
            return isRead;
        });

    private static bool TryReadText<T>(string text, out T value)
        where T : class?
    {
        value = (T)(object)text;
        return true;
    }

    private static bool TryReadInt(string text, out int value) => int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out value);

    private static bool TryReadLong(string text, out long value) => long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out value);

    // Enum.TryParse takes a number for a name.
    private static bool TryReadName<T>(string text, out T value)
        where T : struct, Enum => Enum.TryParse(text, ignoreCase: true, out value) && !char.IsAsciiDigit(text[0]) && text[0] != '-';

    private static bool TryReadWorkers(string text, out int value)
    {
        value = 0;
        return text.Equals("max", StringComparison.OrdinalIgnoreCase) || TryReadInt(text, out value);
    }
}
