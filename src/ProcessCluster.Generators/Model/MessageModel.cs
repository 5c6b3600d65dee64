namespace ProcessCluster.Generators.Model;

/// <summary>A declared message.</summary>
/// <param name="Type">The type as C# writes it.</param>
/// <param name="WireName">Its name on the wire.</param>
internal sealed record MessageModel(string Type, string WireName);

/// <summary>A declared message and all types that it reaches, as generated code needs them.</summary>
/// <param name="Message">The message.</param>
/// <param name="Types">The types that need formatters.</param>
/// <param name="IsBroken">True when something is wrong with it, so that there can be no code.</param>
internal sealed record MessageShape(MessageModel Message, EquatableArray<TypeModel> Types, bool IsBroken);

/// <summary>All that a look at a declared message gives.</summary>
/// <param name="Shape">The part that becomes code.</param>
/// <param name="DisplayName">The message as people name it.</param>
/// <param name="Location">The location of its attribute.</param>
/// <param name="Findings">The findings about it.</param>
internal sealed record MessageFindings(MessageShape Shape, string DisplayName, LocationModel Location, EquatableArray<Finding> Findings);
