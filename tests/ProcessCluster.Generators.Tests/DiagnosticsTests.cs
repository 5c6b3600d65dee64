using System.Globalization;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;

namespace ProcessCluster.Generators.Tests;

/// <summary>Each rule: what it says, of what, and where. The marks « and » stand around the place.</summary>
public sealed class DiagnosticsTests
{
    [Theory]
    [InlineData("object", "object", "it does not say what comes: use the type that it is, or an abstract class or interface with [ClusterUnion]")]
    [InlineData("dynamic", "dynamic", "it does not say what comes: use the type that it is, or an abstract class or interface with [ClusterUnion]")]
    [InlineData("List<object?>", "object", "it does not say what comes: use the type that it is, or an abstract class or interface with [ClusterUnion]")]
    [InlineData("Action<int>", "System.Action<int>", "code does not leave its process: leave the member out with [IgnoreDataMember]")]
    [InlineData("Delegate", "System.Delegate", "code does not leave its process: leave the member out with [IgnoreDataMember]")]
    [InlineData("nint", "nint", "it is a pointer or has the size of one: use long or ulong")]
    [InlineData("int[,]", "int[*,*]", "it has more than one dimension: use an array of arrays")]
    [InlineData("(int, int, int, int, int, int, int, int)", "(int, int, int, int, int, int, int, int)", "it is a tuple of more than seven elements: use a record")]
    [InlineData("LinkedList<int>", "System.Collections.Generic.LinkedList<int>", "it is a collection of another kind than those that are known: use an array, List<T>, HashSet<T>, Dictionary<K, V> or their interfaces")]
    [InlineData("System.Collections.IEnumerable", "System.Collections.IEnumerable", "it is a collection of another kind than those that are known: use an array, List<T>, HashSet<T>, Dictionary<K, V> or their interfaces")]
    [InlineData("IDisposable", "System.IDisposable", "it is abstract and declared elsewhere: use a type that is not abstract, or an abstract one of your own with [ClusterUnion]")]
    [InlineData("Type", "System.Type", "it is abstract and declared elsewhere: use a type that is not abstract, or an abstract one of your own with [ClusterUnion]")]
    [InlineData("System.Net.IPAddress", "System.Net.IPAddress", "no public constructor of it can be used, and it is declared elsewhere: use a record of your own that has what is to be sent")]
    [InlineData("System.Text.StringBuilder", "System.Text.StringBuilder", "it has several constructors that could create it, and it is declared elsewhere: use a record of your own that has what is to be sent")]
    [InlineData("System.Threading.CancellationToken", "System.Threading.CancellationToken", "it has no public members that can be written and read again: use a record of your own that has what is to be sent, or leave the member out with [IgnoreDataMember]")]
    public void PCG001_a_type_that_cannot_be_sent(string type, string named, string reason) => Expect(
        $$"""[ClusterMessage] class M { public {{type}} «Value» { get; set; } = default!; }""",
        $"PCG001: M.Value has the type {named}, which cannot be sent: {reason}");

    [Fact]
    public void PCG001_a_pointer() => Expect(
        "[ClusterMessage] unsafe class M { public int* «Value»; }",
        "PCG001: M.Value has the type int*, which cannot be sent: it points to memory of this process: use an array, or leave the member out with [IgnoreDataMember]");

    [Fact]
    public void PCG001_a_ref_struct() => Expect(
        "[ClusterMessage] ref struct «M» { public int Value; }",
        "PCG001: M has the type M, which cannot be sent: it refers to memory of its caller: use an array or Memory<T>");

    [Fact]
    public void PCG001_a_static_class() => Expect(
        "[ClusterMessage] static class «M»;",
        "PCG001: M has the type M, which cannot be sent: it is static and has no values: remove the attribute");

    [Fact]
    public void PCG001_a_class_that_inherits_from_a_collection() => Expect(
        "[ClusterMessage] class «M» : List<int>;",
        "PCG001: M has the type M, which cannot be sent: it is a collection of another kind than those that are known: use an array, List<T>, HashSet<T>, Dictionary<K, V> or their interfaces");

    [Theory]
    [InlineData("record Box<T>(Box<Box<T>>? Inner);")]
    [InlineData("record Box<T>(Box<(T, T)>? Inner);")]
    [InlineData("record Box<T>(Box<List<T[]>>[] Inner);")]
    public void PCG001_a_type_that_has_no_end(string type)
    {
        var found = Assert.Single(Generation.Of($"[ClusterMessage] record M(Box<int> Box); {type}").Result.Diagnostics);
        Assert.Contains("which cannot be sent: it is reached with ever more type arguments within one another", found.GetMessage(CultureInfo.InvariantCulture), StringComparison.Ordinal);
    }

    [Fact]
    public void PCG001_deep_in_a_type_that_is_reached() => Expect(
        "[ClusterMessage] record M(Dictionary<string, A[]> As); record A(B? B); record B(int X, object «O»);",
        "PCG001: B.O has the type object, which cannot be sent: it does not say what comes: use the type that it is, or an abstract class or interface with [ClusterUnion]");

    [Fact]
    public void A_type_that_two_messages_reach_is_told_of_once() => Expect(
        "[ClusterMessage] record M(A A); [ClusterMessage] record N(A A); record A(object «O»);",
        "PCG001: A.O has the type object, which cannot be sent: it does not say what comes: use the type that it is, or an abstract class or interface with [ClusterUnion]");

    [Fact]
    public void PCG002_an_abstract_message() => Expect(
        "[ClusterMessage] abstract class «M»;",
        "PCG002: M has the type M, which is abstract: name the types that may stand for it with [ClusterUnion(key, typeof(…))] on M, or use a type that is not abstract");

    [Fact]
    public void PCG002_a_member_that_is_an_interface() => Expect(
        "[ClusterMessage] record M(List<IThing> «Things»); interface IThing;",
        "PCG002: M.Things has the type IThing, which is abstract: name the types that may stand for it with [ClusterUnion(key, typeof(…))] on IThing, or use a type that is not abstract");

    [Theory]
    [InlineData("class «M» { M() { } }", "it has no public one")]
    [InlineData("class «M» { public M(int number) { } public long Number { get; set; } }", "the parameter number (int) is of no public property or field with that name and type")]
    [InlineData("record «M»(int Number) { private int Number { get; } = Number; }", "the parameter Number (int) is of no public property or field with that name and type")]
    [InlineData("class «M»(int a) { public M(string b) : this(1) { } }", "each of its public ones has a parameter that matches no public property or field")]
    [InlineData("class «M»(int x, int X) { public int X { get; } = x + X; }", "two of its parameters have the name of one property or field")]
    [InlineData("class «M» { public M(out int x) => x = 1; public int X { get; set; } }", "the parameter x (int) is of no public property or field with that name and type")]
    public void PCG003_no_constructor(string type, string reason) => Expect(
        $"[ClusterMessage] {type}",
        $"PCG003: M has no constructor that generated code can use: {reason}; give it a public constructor whose parameters have the names and types of public properties or fields, or a public one without parameters");

    [Fact]
    public void PCG004_ambiguous_constructors() => Expect(
        "[ClusterMessage] record M(A A); class «A» { public A(int x) { } public A(int x, int y) { } public int X { get; } public int Y { get; } }",
        "PCG004: A has 2 public constructors whose parameters all match members: leave one of them public, or make it a record whose primary constructor is the one to use");

    [Fact]
    public void PCG005_one_name_twice() => Expect(
        "[ClusterMessage] record M(int A) { [DataMember(Name = \"A\")] public int «B» { get; set; } }",
        "PCG005: M.A and M.B are both called 'A' on the wire: give one of them another name with [DataMember(Name = \"…\")]");

    [Fact]
    public void PCG006_one_order_twice() => Expect(
        "[ClusterMessage] record M([property: DataMember(Order = 1)] int A) { [DataMember(Order = 1)] public int «B» { get; set; } }",
        "PCG006: M.A and M.B both have the order 1: give one of them another that no member ever had");

    [Fact]
    public void PCG007_an_order_that_is_missing() => Expect(
        "[ClusterMessage] record M(int «A») { [DataMember(Order = 1)] public int B { get; set; } [IgnoreDataMember] public int C { get; set; } public int D => 1; }",
        "PCG007: M.A has no order but M.B has: give all members of M a [DataMember(Order = …)], or none; [IgnoreDataMember] leaves one out");

    [Theory]
    [InlineData(-1)]
    [InlineData(1000)]
    public void PCG008_an_order_out_of_range(int order) => Expect(
        $$"""[ClusterMessage] class M { [DataMember(Order = {{order}})] public int «A» { get; set; } }""",
        $"PCG008: M.A has the order {order}, which is its place in an array: use one from 0 to 999");

    [Theory]
    [InlineData("class O { [ClusterMessage] private record «M»; }", "O.M", "O.M", "O.M is private")]
    [InlineData("class O { private class P { [ClusterMessage] public record «M»; } }", "O.P.M", "O.P.M", "O.P is private")]
    [InlineData("class O { [ClusterMessage] protected class «M»; }", "O.M", "O.M", "O.M is protected")]
    [InlineData("[ClusterMessage] file record «M»;", "M", "M", "M is local to its file")]
    [InlineData("file class O { [ClusterMessage] internal record «M»; }", "O.M", "O.M", "O is local to its file")]
    public void PCG009_a_type_that_generated_code_cannot_see(string declaration, string culprit, string type, string reason) => Expect(
        declaration,
        $"PCG009: {culprit} has the type {type}, which generated code cannot use, because {reason}: make it internal or public");

    [Fact]
    public void PCG009_a_type_that_only_a_union_names() => Expect(
        "public class O { private record P : I; public const string X = \"\"; [ClusterMessage] [«ClusterUnion(0, typeof(P))»] internal interface I; }",
        "PCG009: The union O.I has the type O.P, which generated code cannot use, because O.P is private: make it internal or public");

    [Theory]
    [InlineData("[ClusterMessage] record «M»<T>(T Value);", "M<T>")]
    [InlineData("class O<T> { [ClusterMessage] public record «M»; }", "O<T>.M")]
    public void PCG010_a_generic_message(string declaration, string name) => Expect(
        declaration,
        $"PCG010: {name} is generic, or within a type that is, and cannot be declared as a message: declare a type that is not and has it as a member or base, with the type arguments given");

    [Theory]
    [InlineData("«ClusterUnion(0, typeof(B))»", "the key 0")]
    [InlineData("«ClusterUnion(1, typeof(A))»", "the type A")]
    public void PCG011_a_union_that_names_something_twice(string second, string twice) => Expect(
        $"[ClusterMessage] [ClusterUnion(0, typeof(A))] [{second}] abstract record U; record A : U; record B : U;",
        $"PCG011: The union U has {twice} twice: one key stands for one type, and a type has one key");

    [Theory]
    [InlineData("string", "string", "it is not assignable to it; let it inherit from the class, or remove the attribute")]
    [InlineData("int[]", "int[]", "it is neither a class nor a struct nor an interface")]
    [InlineData("U", "U", "it is the union itself; name types that inherit from it")]
    [InlineData("G<>", "G<>", "its type arguments are not given; name a type of which they are, such as Box<int>")]
    public void PCG012_a_type_that_cannot_stand_for_the_union(string type, string named, string reason) => Expect(
        $"[ClusterMessage] [«ClusterUnion(0, typeof({type}))»] abstract record U; record G<T>(T Value) : U;",
        $"PCG012: {named} cannot stand for the union U: {reason}");

    [Fact]
    public void PCG012_of_an_interface() => Expect(
        "[ClusterMessage] [«ClusterUnion(0, typeof(A))»] interface U; record A;",
        "PCG012: A cannot stand for the union U: it is not assignable to it; let it implement the interface, or remove the attribute");

    [Fact]
    public void What_is_wrong_with_a_type_of_a_union_is_told_at_its_attribute() => Expect(
        "[ClusterMessage] [«ClusterUnion(0, typeof(A))»] interface U; abstract record A : U;",
        "PCG002: The union U has the type A, which is abstract: name the types that may stand for it with [ClusterUnion(key, typeof(…))] on A, or use a type that is not abstract");

    [Fact]
    public void PCG013_a_union_that_is_not_abstract() => Expect(
        "[ClusterMessage] [«ClusterUnion(0, typeof(A))»] record U; record A : U;",
        "PCG013: U bears [ClusterUnion] but is neither abstract nor an interface: make it abstract, and what it is itself a type of the union");

    [Theory]
    [InlineData("[ClusterMessage] record A; [«ClusterMessage(Name = \"A\")»] record B;", "A", "B", "A")]
    [InlineData("[«ClusterMessage(Name = \"n\")»] record B; [ClusterMessage(Name = \"n\")] record A;", "A", "B", "n")]
    [InlineData("namespace N { class O { [«ClusterMessage»] public record A; } [ClusterMessage(Name = \"N.O+A\")] record B; }", "N.B", "N.O.A", "N.O+A")]
    public void PCG014_one_wire_name_twice(string declarations, string first, string second, string name) => Expect(
        declarations,
        $"PCG014: The messages {first} and {second} are both called '{name}' on the wire: give one of them another name with [ClusterMessage(Name = \"…\")]");

    [Theory]
    [InlineData("")]
    [InlineData(" ")]
    public void PCG015_an_empty_name(string name) => Expect(
        $"[«ClusterMessage(Name = \"{name}\")»] record M;",
        "PCG015: The name of M on the wire is empty: leave Name out, or give it a text");

    [Fact]
    public void PCG016_an_old_language() => Expect(
        "[«ClusterMessage»] record M;",
        "PCG016: Code for messages is generated in C# 12, and this project uses C# 11.0: remove LangVersion from the project file, or set it to 12 or later",
        LanguageVersion.CSharp11);

    [Fact]
    public void Several_things_are_told_at_once()
    {
        var ids = Generation.Of("[ClusterMessage] record M(object A, List<nint> B, C C); class C { C() { } }").Result.Diagnostics.Select(found => found.Id);
        Assert.Equal(["PCG001", "PCG001", "PCG003"], ids);
    }

    [Fact]
    public void With_an_error_nothing_is_generated_that_would_bring_others()
    {
        var generation = Generation.Of("[ClusterMessage] record M(object A); [ClusterMessage] record N(M M);");
        Assert.Empty(generation.Sources);
        Assert.Equal("PCG001", Assert.Single(generation.Result.Diagnostics).Id);
    }

    [Theory]
    [InlineData("[ClusterMessage] record M(Missing A);")]
    [InlineData("[ClusterMessage] [ClusterUnion(0, typeof(Missing))] abstract record M;")]
    [InlineData("[ClusterMessage] [ClusterUnion(\"x\")] abstract record M;")]
    [InlineData("[ClusterMessage] record M(List<Missing<int>> A) { public")]
    [InlineData("[ClusterMessage(Name = )] record M;")]
    [InlineData("[ClusterMessage] record M(")]
    [InlineData("[ClusterMessage] class M : M;")]
    [InlineData("[ClusterMessage] struct M { public M Self; }")]
    public void What_the_compiler_rejects_is_left_to_it(string text)
    {
        var generation = Generation.Of(text);
        Assert.Null(generation.Result.Exception);
        Assert.Empty(generation.Result.Diagnostics);
        Assert.NotEmpty(generation.Problems);
    }

    /// <summary>Expects one diagnostic, with this text, at the marked place.</summary>
    private static void Expect(string marked, string expected, LanguageVersion version = LanguageVersion.Latest)
    {
        var start = marked.IndexOf('«', StringComparison.Ordinal);
        var place = marked[(start + 1)..marked.IndexOf('»', StringComparison.Ordinal)];
        var generation = Generation.Of(version, marked.Replace("«", "", StringComparison.Ordinal).Replace("»", "", StringComparison.Ordinal));

        Assert.Null(generation.Result.Exception);
        var found = Assert.Single(generation.Result.Diagnostics);
        Assert.Equal(expected, $"{found.Id}: {found.GetMessage(CultureInfo.InvariantCulture)}");
        Assert.Equal(DiagnosticSeverity.Error, found.Severity);
        var text = generation.Compilation.SyntaxTrees[0].ToString();
        Assert.Equal("File0.cs", found.Location.GetLineSpan().Path);
        Assert.Equal(place, text.Substring(found.Location.SourceSpan.Start, found.Location.SourceSpan.Length));
        Assert.Equal(found.Location.SourceSpan.Start, found.Location.GetLineSpan().StartLinePosition.Character);
        Assert.Equal(text.Length - marked.Length + 2 + start, found.Location.SourceSpan.Start);
    }
}
