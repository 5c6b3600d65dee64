namespace ProcessCluster.Generators.Model;

/// <summary>A type that gets a formatter of its own.</summary>
/// <param name="Type">The type as C# writes it.</param>
/// <param name="IsReference">True when its values may be null.</param>
internal abstract record TypeModel(string Type, bool IsReference)
{
    public string Formatter => FormatterNames.Of(Type);

    /// <summary>The types that its formatter reads and writes.</summary>
    public abstract IEnumerable<ValueModel> Values { get; }
}

/// <summary>A class, record or struct: a map by the names of its members, or an array by their order.</summary>
/// <param name="Type">The type as C# writes it.</param>
/// <param name="IsReference">True when its values may be null.</param>
/// <param name="Slots">The length of the array; null for a map.</param>
/// <param name="Members">The members, in the order of writing.</param>
/// <param name="Parameters">The parameters of the constructor.</param>
/// <param name="UnsentRequired">Required members that are not written and must be given a default.</param>
internal sealed record ObjectModel(
    string Type,
    bool IsReference,
    int? Slots,
    EquatableArray<MemberModel> Members,
    EquatableArray<ParameterModel> Parameters,
    EquatableArray<string> UnsentRequired) : TypeModel(Type, IsReference)
{
    public override IEnumerable<ValueModel> Values => Members.Select(member => member.Value);
}

/// <summary>The way in which a member gets its value.</summary>
internal enum MemberSetting
{
    /// <summary>By the constructor.</summary>
    Constructor,

    /// <summary>In the object's initializer, always.</summary>
    Required,

    /// <summary>In the object's initializer; what the type itself gives it stays if it does not come.</summary>
    Init,

    /// <summary>At any time.</summary>
    Set,
}

/// <summary>A property or field.</summary>
/// <param name="Name">As C# writes it.</param>
/// <param name="WireName">Its key in the map.</param>
/// <param name="Slot">Its place in the array.</param>
/// <param name="Value">Its type.</param>
/// <param name="Setting">The way in which it gets its value.</param>
/// <param name="IsInitOnly">True when it cannot be set once the object is there.</param>
/// <param name="Default">The value when none comes, as C# writes it; null for the type's default.</param>
/// <param name="NilIsMissing">True when nil in an array is a gap, because it is no value of the member.</param>
internal sealed record MemberModel(
    string Name,
    string WireName,
    int Slot,
    ValueModel Value,
    MemberSetting Setting,
    bool IsInitOnly,
    string? Default,
    bool NilIsMissing);

/// <summary>A parameter of the constructor.</summary>
/// <param name="Member">The index of its member, or -1 if nothing comes for it.</param>
/// <param name="Default">The value when none comes, where it is not the member's own default.</param>
internal sealed record ParameterModel(int Member, string? Default);

/// <summary>An abstract class or interface: an array of the key and the value.</summary>
internal sealed record UnionModel(string Type, EquatableArray<UnionEntry> Entries) : TypeModel(Type, IsReference: true)
{
    public override IEnumerable<ValueModel> Values => Entries.Select(entry => entry.Value);
}

/// <summary>A type that may stand for a union.</summary>
/// <param name="Key">The number or name on the wire.</param>
/// <param name="Value">The type.</param>
/// <param name="IsExact">True when its values are of exactly this type; otherwise it is a union itself.</param>
internal sealed record UnionEntry(int Key, ValueModel Value, bool IsExact);

/// <summary>A tuple: an array of its elements.</summary>
internal sealed record TupleModel(string Type, bool IsReference, EquatableArray<ValueModel> Elements) : TypeModel(Type, IsReference)
{
    public override IEnumerable<ValueModel> Values => Elements;
}
