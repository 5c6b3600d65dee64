using ProcessCluster.Generators.Model;

namespace ProcessCluster.Generators.Emission;

/// <summary>Writes and reads a tuple: an array of its elements. Missing elements are default, more than there should be are skipped.</summary>
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
            code.Line("var count = reader.ReadArrayHeader();");
            code.Line("reader.Enter();");
            for (var i = 0; i < count; i++)
            {
                var element = model.Elements[i];
                code.Line($"{element.Type} item{i + 1} = count > {i} ? ({ValueCode.Read(element)}) : default({element.Type});");
            }
            code.Block($"for (var i = {count}; i < count; i++)", () => code.Line("reader.Skip();"));
            code.Line("reader.Leave();");
            code.Line($"return new {model.Type}({string.Join(", ", Enumerable.Range(1, count).Select(i => $"item{i}"))});");
        });
    }
}
