using System.Globalization;

namespace ProcessCluster.Options;

/// <summary>One option: a row of an <see cref="OptionTable"/>.</summary>
/// <param name="Name">The property's name, which is the key in the configuration, too.</param>
/// <param name="Type">The type as documents name it.</param>
/// <param name="Range">The values that it can have, in words; empty when all of its type.</param>
internal abstract record Option<TOptions>(string Name, string Type, string Range)
{
    /// <summary>Gets whether the configuration can set it with one text. Collections have readers of their own, and delegates are set in code.</summary>
    public virtual bool IsText => false;

    /// <summary>Gets whether an empty text sets it.</summary>
    public virtual bool AllowsEmpty => false;

    /// <summary>Sets the option from the text of a configuration. Returns null, or the remedy for a text that cannot be read.</summary>
    public virtual string? Read(TOptions options, string text) => throw new NotSupportedException($"{Name} is not one text.");

    /// <summary>Returns null, or what is wrong with the value.</summary>
    public virtual string? Check(TOptions options) => null;

    /// <summary>Returns the value as documents write it.</summary>
    public abstract string Format(TOptions options);
}

/// <summary>
/// An option with one value. Values are objects here, not of a type parameter: each process reads the table while it starts, and the just-in-time compiler would make every method of the
/// table once more for each type of value.
/// </summary>
/// <param name="Name">The property's name.</param>
/// <param name="ValueType">The type of its value.</param>
/// <param name="Get">Gets the property.</param>
/// <param name="Set">Sets the property, to a value of that type.</param>
/// <param name="Rule">The range of values; null when all of its type.</param>
internal sealed record ValueOption<TOptions>(
    string Name, OptionType ValueType, Func<TOptions, object?> Get, Action<TOptions, object> Set, OptionRule? Rule = null)
    : Option<TOptions>(Name, ValueType.Name, Rule?.Text ?? "")
{
    private const int MaxQuoted = 100;

    public override bool IsText => true;

    public override bool AllowsEmpty => ValueType.AllowsEmpty;

    public override string? Read(TOptions options, string text)
    {
        if (ValueType.Read(text) is not { } value)
            return ValueType.Remedy;
        Set(options, value);
        return null;
    }

    public override string? Check(TOptions options)
    {
        if (Rule is not { } rule)
            return null;
        var value = Get(options);
        return rule.Holds(value) ? null : $"{Name} is {(value is string text ? Quote(text) : Text(value))}: {Range}.";
    }

    public override string Format(TOptions options) => Get(options) is { } value ? Text(value) : "";

    private static string Quote(string text) => text.Length > MaxQuoted ? $"'{text.AsSpan(0, MaxQuoted)}…'" : $"'{text}'";

    private static string Text(object? value) =>
        value is IFormattable formattable ? formattable.ToString(null, CultureInfo.InvariantCulture) : value?.ToString() ?? "null";
}

/// <summary>An option that is a collection or a delegate.</summary>
internal sealed record OtherOption<TOptions>(string Name, string Type, string Range = "") : Option<TOptions>(Name, Type, Range)
{
    public override string Format(TOptions options) => "";
}
