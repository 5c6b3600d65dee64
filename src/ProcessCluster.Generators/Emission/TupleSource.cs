using ProcessCluster.Generators.Model;

namespace ProcessCluster.Generators.Emission;

/// <summary>Writes and reads a tuple: an array of its elements, of that length and no other, because they have no names.</summary>
internal static class TupleSource
{
    public static void Add(CodeText code, TupleModel model)
    {
        var count = model.Elements.Count;
        FormatterSource.AddWrite(code, model, () =>
        {
            code.Line("writer.Enter();");
            code.Line($"writer.WriteArrayHeader({count});");
            for (var i = 0; i < count; i++)
                code.Line(ValueCode.Write(model.Elements[i], $"value.Item{i + 1}", $"v{i}"));
            code.Line("writer.Leave();");
        });
        code.Line();
        FormatterSource.AddRead(code, model, () =>
        {
            code.Line($"reader.ReadArrayHeader({count}, \"a tuple\");");
            code.Line("reader.Enter();");
            for (var i = 0; i < count; i++)
                code.Line($"{model.Elements[i].Type} item{i + 1} = {ValueCode.Read(model.Elements[i])};");
            code.Line("reader.Leave();");
            code.Line($"return new {model.Type}({string.Join(", ", Enumerable.Range(1, count).Select(i => $"item{i}"))});");
        });
    }
}
