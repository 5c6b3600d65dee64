using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace ProcessCluster.Tests;

/// <summary>A use of a folder's type in a file, with the name that stands there.</summary>
internal sealed record FolderImport(SourceFile File, SyntaxNode Node, string Name, string Folder)
{
    public override string ToString() => $"{File.At(Node)} uses {Name} of {(Folder.Length == 0 ? "the root" : Folder)}";
}

/// <summary>
/// Which folders the files of a project use, from their syntax alone: the names of types that only one folder declares. What is a
/// member's name rather than a type's is left out, as are comments.
/// </summary>
internal sealed class FolderImports
{
    private readonly string _project;
    private readonly List<SourceFile> _files;
    private readonly Dictionary<string, string> _folderOfType;
    private readonly Dictionary<string, string> _folderOfNamespace;
    private readonly HashSet<string> _namespaces;

    public FolderImports(IEnumerable<SourceFile> files, string project)
    {
        _project = project;
        _files = [.. files.Where(file => file.Project == project)];
        _folderOfType = _files
            .SelectMany(file => file.Types.Select(type => (Name: SourceFile.NameOf(type), file.Folder)))
            .GroupBy(type => type.Name, type => type.Folder)
            .Where(group => group.Distinct().Count() == 1)
            .ToDictionary(group => group.Key, group => group.First());
        _folderOfNamespace = _files.Select(file => file.Folder)
            .Distinct()
            .Where(folder => folder.Length > 0)
            .ToDictionary(folder => $"{project}.{folder.Replace('/', '.')}");
        // Seen from within the project, a namespace can be written by its end.
        _namespaces = [project, .. _folderOfNamespace.Keys.SelectMany(Ends)];
    }

    public IEnumerable<FolderImport> All => _files.SelectMany(Of).Where(import => import.Folder != import.File.Folder);

    private IEnumerable<FolderImport> Of(SourceFile file)
    {
        foreach (var directive in file.Root.DescendantNodes().OfType<UsingDirectiveSyntax>())
        {
            var name = directive.NamespaceOrType.ToString();
            if (Ends(name, fromStart: true).Find(_folderOfNamespace.ContainsKey) is { } imported)
                yield return new FolderImport(file, directive, name, _folderOfNamespace[imported]);
        }

        var members = MembersOf(file.Root);
        foreach (var name in Names(file.Root))
        {
            if (_folderOfType.TryGetValue(name.Identifier.Text, out var folder) && IsType(name, members, IsNamespace))
                yield return new FolderImport(file, name, name.Identifier.Text, folder);
        }

        bool IsNamespace(SyntaxNode left)
        {
            var text = left.ToString().Replace("global::", "", StringComparison.Ordinal);
            return _namespaces.Contains(text) && !members.Contains(text);
        }
    }

    /// <summary>The names of types that a file uses, of those that are asked for.</summary>
    public static IEnumerable<string> TypesUsedIn(CompilationUnitSyntax root, Func<string, bool> isDeclared)
    {
        var members = MembersOf(root);
        return Names(root).Where(name => isDeclared(name.Identifier.Text) && IsType(name, members, static _ => false)).Select(name => name.Identifier.Text).Distinct();
    }

    private static IEnumerable<SimpleNameSyntax> Names(CompilationUnitSyntax root) =>
        root.DescendantNodes(node => node is not UsingDirectiveSyntax).OfType<SimpleNameSyntax>();

    private static bool IsType(SimpleNameSyntax name, HashSet<string> members, Func<SyntaxNode, bool> isNamespace)
    {
        if (members.Contains(name.Identifier.Text) && !SyntaxFacts.IsInTypeOnlyContext(name))
            return false;
        return name.Parent switch
        {
            MemberAccessExpressionSyntax access when access.Name == name => isNamespace(access.Expression),
            QualifiedNameSyntax qualified when qualified.Right == name => isNamespace(qualified.Left),
            MemberBindingExpressionSyntax or NameColonSyntax or NameEqualsSyntax or BaseNamespaceDeclarationSyntax => false,
            // new Thing { Name = … }, with { Name = … }
            AssignmentExpressionSyntax { Parent: InitializerExpressionSyntax } assignment => assignment.Left != name,
            _ => true,
        };
    }

    private static HashSet<string> MembersOf(SyntaxNode root)
    {
        var names = new HashSet<string>();
        foreach (var node in root.DescendantNodes())
        {
            var identifier = node switch
            {
                PropertyDeclarationSyntax property => property.Identifier,
                MethodDeclarationSyntax method => method.Identifier,
                EventDeclarationSyntax @event => @event.Identifier,
                VariableDeclaratorSyntax variable => variable.Identifier,
                ParameterSyntax parameter => parameter.Identifier,
                EnumMemberDeclarationSyntax member => member.Identifier,
                LocalFunctionStatementSyntax function => function.Identifier,
                SingleVariableDesignationSyntax designation => designation.Identifier,
                _ => default,
            };
            names.Add(identifier.Text ?? "");
        }
        return names;
    }

    private List<string> Ends(string @namespace) => Ends(@namespace, fromStart: false);

    private static List<string> Ends(string name, bool fromStart)
    {
        var parts = name.Split('.');
        return [.. Enumerable.Range(0, parts.Length).Select(i => string.Join('.', fromStart ? parts[..^i] : parts[i..]))];
    }
}
