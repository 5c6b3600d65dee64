using ProcessCluster.Generators.Model;

namespace ProcessCluster.Generators.Symbols;

/// <summary>The owner of a type, as an error message names it, and its location.</summary>
internal sealed record Origin(string Name, LocationModel Location);
