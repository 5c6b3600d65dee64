using Microsoft.CodeAnalysis.CSharp;
using ProcessCluster.Generators.Model;

namespace ProcessCluster.Generators.Emission;

/// <summary>Writes and reads a union: an array of the key and the value.</summary>
internal static class UnionSource
{
    public static void Add(CodeText code, UnionModel model)
    {
        var name = SymbolDisplay.FormatLiteral(model.Type.Replace("global::", ""), quote: true);
        FormatterSource.AddWrite(code, model, () =>
        {
            code.Line("writer.Enter();");
            code.Line("var type = value.GetType();");
            var head = "if";
            foreach (var (entry, index) in model.Entries.Select((entry, index) => (entry, index)))
            {
                var (condition, cast) = entry.IsExact
                    ? ($"type == typeof({entry.Value.Type})", $"({entry.Value.Type})value")
                    : ($"value is {entry.Value.Type} v{index}", $"v{index}");
                code.Block($"{head} ({condition})", () =>
                {
                    code.Line("writer.WriteArrayHeader(2);");
                    code.Line($"writer.Write({entry.Key});");
                    code.Line(ValueCode.Write(entry.Value, cast, $"v{index}"));
                });
                head = "else if";
            }
            code.Block("else", () => code.Line(
                $"throw new global::ProcessCluster.ClusterMessageException(type + \" is no type of the union \" + {name} + "
                + "\": name it there with [ClusterUnion(key, typeof(…))].\");"));
            code.Line("writer.Leave();");
        });
        code.Line();
        FormatterSource.AddRead(code, model, () =>
        {
            code.Line($"reader.ReadArrayHeader(2, \"the union \" + {name});");
            code.Line("reader.Enter();");
            code.Line($"{model.Type} result;");
            code.Line("var start = reader.Consumed;");
            code.Line("var key = reader.ReadInt32();");
            code.Block("switch (key)", () =>
            {
                foreach (var entry in model.Entries)
                {
                    code.Case($"case {entry.Key}:", () =>
                    {
                        code.Line($"result = {ValueCode.Read(entry.Value)};");
                        code.Line("break;");
                    });
                }
                code.Case("default:", () => code.Line(
                    $"throw new global::ProcessCluster.MessageFormatException(\"a key of the union \" + {name}, "
                    + "\"the key \" + key + \", of which only the sender knows the type,\", start);"));
            });
            code.Line("reader.Leave();");
            code.Line("return result;");
        });
    }
}
