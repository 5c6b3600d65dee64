using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;

namespace ProcessCluster.Generators.Tests;

/// <summary>Generated text as such; what it does is tested with the messages of this project.</summary>
public sealed class GeneratedCodeTests
{
    private const string Messages = """
        namespace App;
        [ClusterMessage] public record B(A? A, List<A> As, (int X, string Y) Pair, DayOfWeek? Day, IThing? Thing);
        [ClusterMessage(Name = "a\"\n")] public record A(Guid Id, Dictionary<string, int?[]> Map);
        [ClusterUnion(1, typeof(Thing))] public interface IThing;
        public record Thing<T>(T Value) : IThing;
        public record Thing(int @class) : IThing { [Obsolete("no")] public int Old { get; set; } public required B? B { get; init; } }
        """;

    [Theory]
    [InlineData(LanguageVersion.CSharp12)]
    [InlineData(LanguageVersion.Latest)]
    public void It_compiles_without_warnings(LanguageVersion version)
    {
        var generation = Generation.Of(version, Messages);
        Assert.Empty(generation.Problems);
        Assert.NotEmpty(generation.Sources);
    }

    [Fact]
    public void It_is_the_same_whatever_the_order_of_the_files()
    {
        string[] files =
        [
            "namespace App; [ClusterMessage] public record A(B B, int[] X);",
            "namespace App; [ClusterMessage] public record C(B B, List<int[]> Y);",
            "namespace App; public record B(string Text, (int, int) Pair);",
        ];
        var sources = Generation.Of(files).Sources.ToList();
        Assert.Equal(sources, Generation.Of(files).Sources);
        Assert.Equal(sources, Generation.Of([.. files.Reverse()]).Sources);
    }

    [Fact]
    public void A_project_without_messages_gets_nothing()
    {
        Assert.Empty(Generation.Of("class C;").Sources);
        Assert.Empty(Generation.Of(LanguageVersion.CSharp7_3, "class C { }").Result.Diagnostics);
    }

    [Fact]
    public void Names_that_hide_those_of_the_library_and_of_the_system_do_no_harm() => Assert.Empty(Generation.Of("""
        namespace ProcessCluster.Generated.System { class Guid { } }
        namespace App
        {
            class System; class ProcessCluster; class IMessageFormatter; class MessagePackWriter;
            [global::ProcessCluster.ClusterMessage] record String(string reader, int writer, int value, int result, int left, int m0, int came0, global::System.Guid Guid);
        }
        """).Problems);

    [Fact]
    public void Messages_of_a_referenced_assembly_are_formatted_again()
    {
        var library = Generation.Of("""
            [assembly: System.Runtime.CompilerServices.InternalsVisibleTo("Test")]
            namespace Lib;
            [ClusterMessage] public record Shared(int X, Other Other);
            public record Other(string Text) { internal int Hidden { get; set; } public int Settable { get; set; } }
            [ClusterUnion(0, typeof(Shared2))] public interface IUnion;
            public record Shared2 : IUnion;
            internal record Internal(int Y);
            """);
        var stream = new MemoryStream();
        Assert.True(library.Driver.RunGeneratorsAndUpdateCompilation(library.Compilation, out var full, out _) is not null);
        Assert.True(full.WithAssemblyName("Lib").Emit(stream).Success);
        var user = Generation.Of(
            LanguageVersion.Latest,
            [MetadataReference.CreateFromImage(stream.ToArray())],
            "namespace App; [ClusterMessage] record M(Lib.Shared Shared, Lib.IUnion Union, Lib.Internal Internal);");
        Assert.Empty(user.Problems);
        Assert.Empty(user.Result.Diagnostics);
        Assert.Contains(user.Sources, source => source.StartsWith("// ClusterMessages.Shared_", StringComparison.Ordinal));
    }

    [Fact]
    public void An_internal_type_of_another_assembly_is_refused()
    {
        var library = Generation.Of("namespace Lib; public record Outer { internal enum E { } } public record Open(int X) { public required int R { get; set; } }");
        var stream = new MemoryStream();
        Assert.True(library.Compilation.WithAssemblyName("Lib").Emit(stream).Success);
        var user = Generation.Of(
            LanguageVersion.Latest,
            [MetadataReference.CreateFromImage(stream.ToArray())],
            "namespace App; [ClusterMessage] record M(Lib.Open Open);");
        Assert.Empty(user.Problems);
    }

    [Fact]
    public void The_examples_of_the_documentation_are_messages()
    {
        var blocks = File.ReadAllText(Path.Combine(TestPaths.Repository, "docs", "guides", "declaring-messages.md")).Split("```csharp\n").Skip(1).Select(block => block.Split("```")[0]).ToList();
        Assert.Equal(3, blocks.Count);
        Assert.All(blocks, block =>
        {
            var generation = Generation.Of($"namespace App; {block}");
            Assert.Empty(generation.Problems);
            Assert.NotEmpty(generation.Sources);
        });
    }

    [Fact]
    public void It_says_that_it_is_generated() => Assert.All(Generation.Of(Messages).Sources, source =>
    {
        Assert.Contains("\n// <auto-generated/>\n", source, StringComparison.Ordinal);
        Assert.Contains("[global::System.CodeDom.Compiler.GeneratedCode(\"ProcessCluster.Generators\", ", source, StringComparison.Ordinal);
        Assert.DoesNotContain('\r', source);
    });
}
