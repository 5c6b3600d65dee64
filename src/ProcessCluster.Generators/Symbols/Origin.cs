using ProcessCluster.Generators.Model;

namespace ProcessCluster.Generators.Symbols;

/// <summary>What has a type, as an error message names it, and where that stands.</summary>
internal sealed record Origin(string Name, LocationModel Location);
