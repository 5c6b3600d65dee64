using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace ProcessCluster.Tests;

/// <summary>A file of src/, parsed.</summary>
internal sealed record SourceFile(string Project, string Folder, string Name, CompilationUnitSyntax Root)
{
    public static List<SourceFile> All { get; } = ReadAll();

    /// <summary>From src/ on.</summary>
    public string Path => string.Join('/', new[] { Project, Folder, Name }.Where(part => part.Length > 0));

    public int LineCount => Root.GetText().Lines.Count;

    /// <summary>The types that are not within others, which is how they are seen from other files.</summary>
    public IEnumerable<MemberDeclarationSyntax> Types => Root.DescendantNodes()
        .OfType<MemberDeclarationSyntax>()
        .Where(node => node is BaseTypeDeclarationSyntax or DelegateDeclarationSyntax && node.Parent is not TypeDeclarationSyntax);

    public static string NameOf(MemberDeclarationSyntax type) =>
        type is BaseTypeDeclarationSyntax declaration ? declaration.Identifier.Text : ((DelegateDeclarationSyntax)type).Identifier.Text;

    public static SourceFile Parse(string project, string folder, string name, string text) =>
        new(project, folder, name, CSharpSyntaxTree.ParseText(text).GetCompilationUnitRoot());

    /// <summary>Where a node stands, as compilers write it.</summary>
    public string At(SyntaxNode node) => $"{Path}({node.SyntaxTree.GetLineSpan(node.Span).StartLinePosition.Line + 1})";

    private static List<SourceFile> ReadAll()
    {
        var source = System.IO.Path.Combine(TestPaths.Repository, "src");
        var files = new List<SourceFile>();
        foreach (var path in Directory.EnumerateFiles(source, "*.cs", SearchOption.AllDirectories).Order(StringComparer.Ordinal))
        {
            var parts = System.IO.Path.GetRelativePath(source, path).Split('/');
            if (parts is [_, "bin" or "obj", ..])
                continue;
            files.Add(Parse(parts[0], string.Join('/', parts[1..^1]), parts[^1], File.ReadAllText(path)));
        }
        return files;
    }
}
