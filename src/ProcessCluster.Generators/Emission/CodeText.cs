using System.Text;

namespace ProcessCluster.Generators.Emission;

/// <summary>Lines of C#, indented. The end of a line is the same on every system.</summary>
internal sealed class CodeText
{
    private const int IndentSize = 4;

    private readonly StringBuilder _text = new();
    private int _depth;

    public void Line(string line = "")
    {
        if (line.Length > 0)
            _text.Append(' ', _depth * IndentSize).Append(line);
        _text.Append('\n');
    }

    /// <summary>A head and what it holds, in braces.</summary>
    public void Block(string head, Action content)
    {
        Line(head);
        Line("{");
        Indented(content);
        Line("}");
    }

    /// <summary>A label and what belongs to it.</summary>
    public void Case(string label, Action content)
    {
        Line(label);
        Indented(content);
    }

    /// <summary>A statement under a condition.</summary>
    public void If(string condition, string statement) => Block($"if ({condition})", () => Line(statement));

    public override string ToString() => _text.ToString();

    private void Indented(Action content)
    {
        _depth++;
        content();
        _depth--;
    }
}
