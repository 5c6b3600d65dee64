using ProcessCluster.Generators.Model;

namespace ProcessCluster.Generators.Emission;

/// <summary>Writes the part that all generated formatters have in common.</summary>
internal static class FormatterSource
{
    public const string Writer = $"ref {ValueCode.Library}MessagePackWriter writer";
    public const string Reader = $"ref {ValueCode.Library}MessagePackReader reader";

    public static string Of(TypeModel type) => Sources.Part(code =>
    {
        code.Line(Sources.GeneratedCode);
        code.Block($"private sealed class {type.Formatter} : {ValueCode.Library}IMessageFormatter<{type.Type}>", () =>
        {
            code.Line($"internal static readonly {type.Formatter} Instance = new();");
            code.Line();
            switch (type)
            {
                case ObjectModel model:
                    ObjectWriting.Add(code, model);
                    code.Line();
                    new ObjectReading(code, model).Add();
                    break;
                case UnionModel model:
                    UnionSource.Add(code, model);
                    break;
                case TupleModel model:
                    TupleSource.Add(code, model);
                    break;
            }
        });
    });

    /// <summary>The method that writes; null is dealt with before the content.</summary>
    public static void AddWrite(CodeText code, TypeModel type, Action content) => code.Block(
        $"public void Write({Writer}, in {type.Type} value)", () =>
    {
        if (type.IsReference)
        {
            code.Block("if (value is null)", () =>
            {
                code.Line("writer.WriteNil();");
                code.Line("return;");
            });
        }
        content();
    });

    /// <summary>The method that reads; nil is dealt with before the content.</summary>
    public static void AddRead(CodeText code, TypeModel type, Action content) => code.Block($"public {type.Type} Read({Reader})", () =>
    {
        if (type.IsReference)
            code.If("reader.TryReadNil()", "return null;");
        content();
    });
}
