using ProcessCluster.Generators.Model;

namespace ProcessCluster.Generators.Emission;

/// <summary>The library's formatters for collections and nullables, each made once, of the formatters of what is in them.</summary>
internal static class CollectionSource
{
    public static string Of(IEnumerable<ValueModel> collections) => Sources.Part(code =>
    {
        foreach (var collection in collections)
        {
            var types = string.Join(", ", collection.Arguments.Select(argument => argument.Type));
            var formatters = string.Join(", ", collection.Arguments.Select(ValueCode.Formatter));
            code.Line(Sources.GeneratedCode);
            code.Block($"private static class {FormatterNames.Of(collection.Type)}", () => code.Line(
                $"internal static readonly {ValueCode.Library}{collection.Formatter}<{types}> Instance = new({formatters});"));
        }
    });
}
