using Microsoft.CodeAnalysis.CSharp;
using ProcessCluster.Generators.Model;

namespace ProcessCluster.Generators.Emission;

/// <summary>Writes an object. What stands between two values is the same each time: it is encoded here and copied there.</summary>
internal static class ObjectWriting
{
    public static void Add(CodeText code, ObjectModel model) => FormatterSource.AddWrite(code, model, () =>
    {
        code.Line("writer.Enter();");
        if (model.Slots is { } slots)
            AddArray(code, model, slots);
        else
            AddMap(code, model);
        code.Line("writer.Leave();");
    });

    private static void AddMap(CodeText code, ObjectModel model)
    {
        var before = new Encoded().MapHeader(model.Members.Count);
        if (model.Members.Count == 0)
            code.Line($"writer.WriteRaw({before});");
        for (var i = 0; i < model.Members.Count; i++)
        {
            var member = model.Members[i];
            code.Line($"writer.WriteRaw({before.Text(member.WireName)}); // {SymbolDisplay.FormatLiteral(member.WireName, quote: true)}");
            code.Line(Write(member, i));
            before = new Encoded();
        }
    }

    private static void AddArray(CodeText code, ObjectModel model, int slots)
    {
        var before = new Encoded().ArrayHeader(slots);
        var next = 0;
        foreach (var (member, index) in model.Members.Select((member, index) => (member, index)).OrderBy(item => item.member.Slot))
        {
            for (; next < member.Slot; next++)
                before.Nil();
            if (before.Count > 0)
                code.Line($"writer.WriteRaw({before});");
            code.Line(Write(member, index));
            before = new Encoded();
            next++;
        }
    }

    private static string Write(MemberModel member, int index) => ValueCode.Write(member.Value, $"value.{member.Name}", $"m{index}");
}
