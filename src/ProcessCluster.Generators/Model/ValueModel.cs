namespace ProcessCluster.Generators.Model;

/// <summary>The way in which values of a type are written and read.</summary>
internal enum ValueKind
{
    /// <summary>By a method of the writer and one of the reader.</summary>
    Scalar,

    /// <summary>By a formatter of the library that needs no others.</summary>
    BuiltIn,

    /// <summary>As the integer below; the only argument is its model.</summary>
    Enum,

    /// <summary>As nil, or as the only argument says.</summary>
    Nullable,

    /// <summary>By a formatter of the library that needs those of the arguments.</summary>
    Collection,

    /// <summary>By a formatter that is generated, too.</summary>
    Generated,
}

/// <summary>The type of a member, an element or a union's entry, as far as generated code must know it.</summary>
/// <param name="Kind">The way in which its values are written and read.</param>
/// <param name="Type">The type as C# writes it.</param>
/// <param name="Formatter">The formatter's name; of a scalar, the end of the reader's method (Int32).</param>
/// <param name="Arguments">The types whose formatters the formatter needs.</param>
internal sealed record ValueModel(ValueKind Kind, string Type, string Formatter, EquatableArray<ValueModel> Arguments)
{
    public static ValueModel Scalar(string type, string name) => new(ValueKind.Scalar, type, name, default);

    public static ValueModel BuiltIn(string type, string formatter) => new(ValueKind.BuiltIn, type, formatter, default);

    public static ValueModel Generated(string type) => new(ValueKind.Generated, type, FormatterNames.Of(type), default);

    /// <summary>Itself and all that its formatter needs.</summary>
    public IEnumerable<ValueModel> WithArguments() => Arguments.SelectMany(argument => argument.WithArguments()).Append(this);
}
