using Microsoft.CodeAnalysis;

namespace ProcessCluster.Generators.Diagnostics;

/// <summary>The rules for messages. docs has the same table; ids are never reused.</summary>
internal static class Rules
{
    /// <summary>The page that explains the rules, from the root of the repository.</summary>
    private const string Help = "docs/reference/diagnostics.md";

    public static readonly DiagnosticDescriptor UnsupportedType = Rule(
        "PCG001", "Type that cannot be sent", "{0} has the type {1}, which cannot be sent: {2}");

    public static readonly DiagnosticDescriptor AbstractWithoutUnion = Rule(
        "PCG002",
        "Abstract type without a union",
        "{0} has the type {1}, which is abstract: name the types that may stand for it with [ClusterUnion(key, typeof(…))] on {1}, "
        + "or use a type that is not abstract");

    public static readonly DiagnosticDescriptor NoConstructor = Rule(
        "PCG003",
        "No constructor that can be used",
        "{0} has no constructor that generated code can use: {1}; give it a public constructor whose parameters have the names and types "
        + "of public properties or fields, or a public one without parameters");

    public static readonly DiagnosticDescriptor AmbiguousConstructors = Rule(
        "PCG004",
        "Constructors that are ambiguous",
        "{0} has {1} public constructors whose parameters all match members: leave one of them public, "
        + "or make it a record whose primary constructor is the one to use");

    public static readonly DiagnosticDescriptor SameName = Rule(
        "PCG005",
        "Two members with one name",
        "{0} and {1} are both called '{2}' on the wire: give one of them another name with [DataMember(Name = \"…\")]");

    public static readonly DiagnosticDescriptor SameOrder = Rule(
        "PCG006", "Two members with one order", "{0} and {1} both have the order {2}: give one of them another that no member ever had");

    public static readonly DiagnosticDescriptor MixedOrder = Rule(
        "PCG007",
        "Some members have an order and some have none",
        "{0} has no order but {1} has: give all members of {2} a [DataMember(Order = …)], or none; [IgnoreDataMember] leaves one out");

    public static readonly DiagnosticDescriptor OrderOutOfRange = Rule(
        "PCG008", "Order out of range", "{0} has the order {1}, which is its place in an array: use one from 0 to {2}");

    public static readonly DiagnosticDescriptor NotAccessible = Rule(
        "PCG009",
        "Type that generated code cannot use",
        "{0} has the type {1}, which generated code cannot use, because {2}: make it internal or public");

    public static readonly DiagnosticDescriptor GenericMessage = Rule(
        "PCG010",
        "Generic message",
        "{0} is generic, or within a type that is, and cannot be declared as a message: "
        + "declare a type that is not and has it as a member or base, with the type arguments given");

    public static readonly DiagnosticDescriptor UnionEntryTwice = Rule(
        "PCG011", "Union that names something twice", "The union {0} has {1} twice: one key stands for one type, and a type has one key");

    public static readonly DiagnosticDescriptor UnionEntryNotAssignable = Rule(
        "PCG012", "Union with a type that cannot stand for it", "{1} cannot stand for the union {0}: {2}");

    public static readonly DiagnosticDescriptor UnionNotAbstract = Rule(
        "PCG013",
        "Union that is not abstract",
        "{0} bears [ClusterUnion] but is neither abstract nor an interface: make it abstract, and what it is itself a type of the union");

    public static readonly DiagnosticDescriptor SameWireName = Rule(
        "PCG014",
        "Two messages with one name",
        "The messages {0} and {1} are both called '{2}' on the wire: give one of them another name with [ClusterMessage(Name = \"…\")]");

    public static readonly DiagnosticDescriptor EmptyWireName = Rule(
        "PCG015", "Message without a name", "The name of {0} on the wire is empty: leave Name out, or give it a text");

    public static readonly DiagnosticDescriptor LanguageTooOld = Rule(
        "PCG016",
        "C# is too old",
        "Code for messages is generated in C# 12, and this project uses C# {0}: "
        + "remove LangVersion from the project file, or set it to 12 or later");

    public static IReadOnlyList<DiagnosticDescriptor> All { get; } =
    [
        UnsupportedType, AbstractWithoutUnion, NoConstructor, AmbiguousConstructors, SameName, SameOrder, MixedOrder, OrderOutOfRange,
        NotAccessible, GenericMessage, UnionEntryTwice, UnionEntryNotAssignable, UnionNotAbstract, SameWireName, EmptyWireName,
        LanguageTooOld,
    ];

    private static DiagnosticDescriptor Rule(string id, string title, string message) => new(
        id,
        title,
        message,
        category: "ProcessCluster.Messages",
        DiagnosticSeverity.Error,
        isEnabledByDefault: true,
        helpLinkUri: $"{Help}#{id.ToLowerInvariant()}");
}
