using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace ProcessCluster.Tests;

/// <summary>The rules that keep the house in order, checked on the source's syntax.</summary>
public sealed class ArchitectureTests
{
    private const string Core = "ProcessCluster", Hosting = "ProcessCluster.Hosting", AspNetCore = "ProcessCluster.AspNetCore";
    private const int MaxLines = 400;

    private const string Linux = "Linux";

    /// <summary>A folder uses only those before it in its project. The last one is the root: the façade, which nothing uses.</summary>
    private static readonly Dictionary<string, string[]> Orders = new()
    {
        [Core] =
        [
            "Model", "Options", "Errors", "Diagnostics", "Linux/Interop", "Linux/Files", "Linux/Events", "Linux/Sockets", "Linux/Systemd", "Linux/Processes",
            "Serialization", "Protocol", "Messaging/Links", "Messaging", "Connections/Readiness", "Connections", "Udp", "Locks", "Clustering",
            "Primary/Workers", "Primary/Dispatch", "Primary/Handoff", "Primary/Ports", "Primary/Fleet", "Primary", "Worker", "",
        ],
        [Hosting] = [""],
        [AspNetCore] = ["Features", "Http1", "Survival", "Draining", "Transport", "Hosting", ""],
        ["ProcessCluster.Generators"] = ["Model", "Diagnostics", "Symbols", "Emission", ""],
    };

    private static readonly List<SourceFile> Files = SourceFile.All;

    [Fact]
    public void Every_project_and_folder_has_its_place_in_the_order() => Assert.Equal(
        Orders.SelectMany(project => project.Value.Select(folder => $"{project.Key}/{folder}")).Order(),
        Files.Select(file => $"{file.Project}/{file.Folder}").Distinct().Order());

    [Fact]
    public void A_folder_uses_only_those_before_it() => AssertNone(
        from order in Orders
        from import in new FolderImports(Files, order.Key).All
        where Array.IndexOf(order.Value, import.Folder) > Array.IndexOf(order.Value, import.File.Folder)
        select import);

    [Theory]
    [InlineData(Core, Hosting, AspNetCore, "Microsoft.AspNetCore", "Microsoft.Extensions.Hosting")]
    [InlineData(Hosting, AspNetCore, "Microsoft.AspNetCore")]
    public void A_project_uses_only_those_below_it(string project, params string[] above)
    {
        AssertNone(
            from file in Files
            where file.Project == project
            from name in file.Root.DescendantNodes().OfType<QualifiedNameSyntax>()
            where above.Contains(name.ToString())
            select $"{file.At(name)}: {name}");
        var definition = File.ReadAllText(Path.Combine(TestPaths.Repository, "src", project, $"{project}.csproj"));
        Assert.DoesNotContain("FrameworkReference", definition, StringComparison.Ordinal);
        Assert.All(above, name => Assert.DoesNotContain($"/{name}.csproj", definition, StringComparison.Ordinal));
    }

    [Fact]
    public void The_web_package_uses_the_public_API_of_the_core()
    {
        // The other one reads options from the core's table.
        var definition = File.ReadAllText(Path.Combine(TestPaths.Repository, "src", Core, $"{Core}.csproj"));
        Assert.DoesNotContain($"InternalsVisibleTo Include=\"{AspNetCore}\"", definition, StringComparison.Ordinal);
    }

    [Fact]
    public void Primary_and_worker_do_not_know_each_other() => AssertNone(
        new FolderImports(Files, Core).All.Where(import =>
            (IsPrimary(import.File.Folder) && import.Folder == "Worker") || (import.File.Folder == "Worker" && IsPrimary(import.Folder))));

    [Fact]
    public void Files_of_the_primary_form_no_circle() => AssertNone(new FileImports(Files.Where(file => file.Project == Core && IsPrimary(file.Folder))).Circles);

    [Fact]
    public void A_circle_of_files_is_seen_and_parts_of_a_type_are_one_file()
    {
        SourceFile[] files =
        [
            SourceFile.Parse(Core, "Primary", "A.cs", "class A { B _b; }"),
            SourceFile.Parse(Core, "Primary/Ports", "B.cs", "class B { C _c; }"),
            SourceFile.Parse(Core, "Primary", "C.cs", "partial class C { D _d; }"),
            SourceFile.Parse(Core, "Primary", "C.More.cs", "partial class C { A _a; }"),
            SourceFile.Parse(Core, "Primary", "D.cs", "class D { int A; D _d; }"),
        ];
        Assert.Equal(["Primary/A, Primary/C, Primary/Ports/B"], new FileImports(files).Circles);
    }

    [Theory]
    [InlineData("class C { Low _x; }", "Low")]
    [InlineData("class C { void M() => Low.Go(); }", "Low")]
    [InlineData("class C { void M() => Linux.Low.Go(); }", "Low")]
    [InlineData("class C { void M() => global::ProcessCluster.Linux.Low.Go(); }", "Low")]
    [InlineData("class C { System.Func<Low[]> F; }", "Low")]
    [InlineData("class C : Low { }", "Low")]
    [InlineData("[Low] class C { }", "Low")]
    [InlineData("class C { object M() => typeof(Low); }", "Low")]
    [InlineData("class C { object M(object o) => o is Low ? (Low)o : new Low(); }", "Low Low Low")]
    [InlineData("class C { Low Low { get; } int M() => Low.Go(); }", "Low")]
    [InlineData("class C { int Low { get; } int M() => Low; }", "")]
    [InlineData("class C { int M(C c) => c.Low; }", "")]
    [InlineData("class C { int? M(C c) => c?.Low; }", "")]
    [InlineData("class C { C M() => new C { Low = 1 }; }", "")]
    [InlineData("class C { bool M(C c) => c is { Low: 1 }; }", "")]
    [InlineData("class C { void M() => N(Low: 1); }", "")]
    [InlineData("class C { Twin _x; }", "")]
    [InlineData("class C { Own _x; } class Own { }", "")]
    [InlineData("/// <see cref=\"Low\"/>\nclass C { /* Low */ }", "")]
    [InlineData("using ProcessCluster.Linux;", "ProcessCluster.Linux")]
    [InlineData("using static ProcessCluster.Linux.Low;", "ProcessCluster.Linux.Low")]
    [InlineData("using L = ProcessCluster.Linux.Low;", "ProcessCluster.Linux.Low")]
    [InlineData("using System.Text;", "")]
    public void Uses_of_other_folders_are_seen(string text, string names)
    {
        SourceFile[] files =
        [
            SourceFile.Parse(Core, "Linux", "Low.cs", "class Low { class Inner; } class Twin;"),
            SourceFile.Parse(Core, "Protocol", "Twin.cs", "class Twin;"),
            SourceFile.Parse(Core, "Model", "C.cs", text),
        ];
        Assert.Equal(names, string.Join(' ', new FolderImports(files, Core).All.Select(import => import.Name)));
    }

    [Fact]
    public void Native_calls_their_uses_and_questions_about_the_system_are_in_Linux() => AssertNone(NativeUses(Files));

    [Theory]
    [InlineData("class C { void M() => Libc.close(1); }", "Libc")]
    [InlineData("class C { const int E = ProcessCluster.Linux.Interop.Libc.EINTR; }", "Libc")]
    [InlineData("using static ProcessCluster.Linux.Interop.Libc;", "Libc")]
    [InlineData("class C { [LibraryImport(\"libc\")] static partial int close(int d); }", "LibraryImport(\"libc\")")]
    [InlineData("class C { bool M() => System.OperatingSystem.IsLinux(); }", "System.OperatingSystem.IsLinux")]
    [InlineData("/// <see cref=\"Libc\"/>\nclass C { int Libc2; }", "")]
    public void A_native_use_outside_is_seen(string text, string use) =>
        Assert.Equal(use, string.Join(' ', NativeUses([SourceFile.Parse(Core, "Worker", "C.cs", text)]).Select(found => found.Split(": ")[1])));

    [Fact]
    public void Public_types_are_where_users_look_and_internal_ones_where_their_file_is() => AssertNone(
        from file in Files
        from type in file.Types
        let actual = type.Ancestors().OfType<BaseNamespaceDeclarationSyntax>().FirstOrDefault()?.Name.ToString() ?? ""
        let expected = NamespacesOf(file, type)
        where !Array.Exists(expected, name => actual == name || (name.EndsWith('.') && actual.StartsWith(name, StringComparison.Ordinal)))
        select $"{file.At(type)}: {SourceFile.NameOf(type)} is in {actual}, expected {string.Join(" or ", expected)}");

    [Fact]
    public void No_file_is_long() => AssertNone(
        from file in Files
        where file.LineCount > MaxLines
        select $"{file.Path} has {file.LineCount} lines; {MaxLines} are enough for one thing");

    [Fact]
    public void No_catch_is_empty() => AssertNone(
        from file in Files
        from clause in file.Root.DescendantNodes().OfType<CatchClauseSyntax>()
        where clause.Block.Statements.Count == 0 && !clause.Block.DescendantTrivia().Any(IsComment)
        select $"{file.At(clause)}: say why that failure is fine there");

    [Fact]
    public void Log_event_ids_are_unique() => AssertNone(
        LogMessages().GroupBy(message => message.Id).Where(group => group.Count() > 1).Select(group => string.Join(" and ", group)));

    [Fact]
    public void The_table_of_log_messages_is_what_is_logged()
    {
        var documented = MarkdownTable.Read("logging.md", "# What is logged").Select(row => string.Join(" | ", row));
        var logged = LogMessages().OrderBy(message => message.Id).Select(message => $"{message.Id} | {message.Level} | {message.Text}");
        Assert.Equal(logged, documented);
    }

    private static IEnumerable<string> NativeUses(IEnumerable<SourceFile> files) =>
        from file in files
        where file.Project != Core || !file.Folder.StartsWith(Linux, StringComparison.Ordinal)
        from node in file.Root.DescendantNodes()
        where node is AttributeSyntax { Name: var name } && NameOf(name) is "DllImport" or "LibraryImport"
            || node is IdentifierNameSyntax { Identifier.Text: "Libc" }
            || node is MemberAccessExpressionSyntax access
                && NameOf(access.Expression) == "OperatingSystem" && access.Name.Identifier.Text.StartsWith("Is", StringComparison.Ordinal)
        select $"{file.At(node)}: {node}";

    private static bool IsPrimary(string folder) => folder == "Primary" || folder.StartsWith("Primary/", StringComparison.Ordinal);

    private static bool IsComment(SyntaxTrivia trivia) =>
        trivia.IsKind(SyntaxKind.SingleLineCommentTrivia) || trivia.IsKind(SyntaxKind.MultiLineCommentTrivia);

    private static string NameOf(SyntaxNode name) => name.ToString().Split('.')[^1];

    /// <summary>The namespaces that a type may be in; one that ends with a dot stands for all below it.</summary>
    private static string[] NamespacesOf(SourceFile file, MemberDeclarationSyntax type)
    {
        var own = file.Folder.Length == 0 ? file.Project : $"{file.Project}.{file.Folder.Replace('/', '.')}";
        if (SourceFile.NameOf(type) == "IsExternalInit")
            return ["System.Runtime.CompilerServices"]; // where the compiler looks for it
        if (!type.Modifiers.Any(SyntaxKind.PublicKeyword))
            return file.Folder is "Model" or "Options" ? [own, file.Project] : [own];
        var extends = type.DescendantNodes().OfType<ParameterSyntax>().Any(parameter => parameter.Modifiers.Any(SyntaxKind.ThisKeyword));
        if (extends)
            return ["Microsoft."];
        // What only generated code and formatters use is out of the way of those who look for the library's own types.
        return file.Folder == "Serialization" ? [Core, own] : [Core];
    }

    private static IEnumerable<LogMessage> LogMessages() =>
        from file in Files
        from attribute in file.Root.DescendantNodes().OfType<AttributeSyntax>()
        where NameOf(attribute.Name) == "LoggerMessage"
        select LogMessage.Parse(file.At(attribute), attribute);

    private static void AssertNone<T>(IEnumerable<T> breaches)
    {
        var lines = breaches.Select(breach => breach!.ToString()).Distinct().ToList();
        Assert.True(lines.Count == 0, string.Join(Environment.NewLine, lines));
    }

    private sealed record LogMessage(string At, int Id, string Level, string Text)
    {
        public static LogMessage Parse(string at, AttributeSyntax attribute) =>
            attribute.ArgumentList?.Arguments.Select(argument => argument.Expression).ToList()
                is [LiteralExpressionSyntax id, MemberAccessExpressionSyntax level, LiteralExpressionSyntax text]
                ? new LogMessage(at, (int)id.Token.Value!, level.Name.Identifier.Text, text.Token.ValueText)
                : throw new FormatException($"{at}: write [LoggerMessage(id, level, \"message\")].");
    }
}
