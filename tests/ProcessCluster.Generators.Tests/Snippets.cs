using System.Collections.Immutable;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace ProcessCluster.Generators.Tests;

/// <summary>The C# blocks of a document, compiled like programs of the web SDK.</summary>
internal static class Snippets
{
    /// <summary>The implicit usings of the web SDK.</summary>
    private const string WebUsings = """
        global using System; global using System.Collections.Generic; global using System.IO; global using System.Linq; global using System.Net.Http;
        global using System.Net.Http.Json; global using System.Threading; global using System.Threading.Tasks; global using Microsoft.AspNetCore.Builder;
        global using Microsoft.AspNetCore.Hosting; global using Microsoft.AspNetCore.Http; global using Microsoft.AspNetCore.Routing;
        global using Microsoft.Extensions.Configuration; global using Microsoft.Extensions.DependencyInjection; global using Microsoft.Extensions.Hosting;
        global using Microsoft.Extensions.Logging;
        """;

    /// <summary>The code around the blocks of guides and reference, which are parts of programs.</summary>
    private const string Given = """
        global using System.Net; global using System.Net.Sockets; global using System.Runtime.Serialization; global using Microsoft.AspNetCore.Connections;
        global using Microsoft.AspNetCore.Server.Kestrel.Core; global using ProcessCluster; global using OpenTelemetry; global using static Given;

        internal static class Given
        {
            public static readonly WebApplicationBuilder builder = WebApplication.CreateBuilder();
            public static readonly WebApplication app = builder.Build();
            public static readonly ListenOptions listen = null!;
            public static readonly ClusterOptions options = new();
            public static readonly ClusterConnection connection = null!;
            public static readonly CancellationToken cancellationToken;
            public static readonly long fingerprint = 1;
            public static Task AnswerAsync(ClusterConnection connection) => Task.CompletedTask;
            public static Task RefuseAsync(ClusterConnection connection, TimeSpan remaining) => Task.CompletedTask;
            public static IResult Find(int id) => Results.Ok(id);
            public static IResult Store(int id, Order order) => Results.Ok(order);
        }
        public sealed record Order(int Id);

        // Stand-ins for packages that the documents name and the tests do not reference.

        namespace OpenTelemetry
        {
            public sealed class Provider : IDisposable { public void Dispose() { } }
            public sealed class ProviderBuilder
            {
                public ProviderBuilder AddMeter(string name) => this;
                public ProviderBuilder AddSource(string name) => this;
                public ProviderBuilder AddOtlpExporter() => this;
                public Provider Build() => new();
            }
            public static class Sdk
            {
                public static ProviderBuilder CreateMeterProviderBuilder() => new();
                public static ProviderBuilder CreateTracerProviderBuilder() => new();
            }
        }
        public sealed class LoggerConfiguration { public LoggerSinks WriteTo { get; } = new(); }
        public sealed class LoggerSinks { public void File(string path) { } }
        public static class SerilogExtensions
        {
            public static void UseSerilog(this IHostBuilder host, Action<HostBuilderContext, LoggerConfiguration> configure) { }
        }
        namespace MessagePack
        {
            public sealed class MessagePackSerializationException : Exception { }
            public sealed class MessagePackSecurity { public static MessagePackSecurity UntrustedData { get; } = new(); }
            public sealed class MessagePackSerializerOptions
            {
                public static MessagePackSerializerOptions Standard { get; } = new();
                public MessagePackSerializerOptions WithSecurity(MessagePackSecurity security) => this;
            }
            public static class MessagePackSerializer
            {
                public static void Serialize<T>(System.Buffers.IBufferWriter<byte> output, T value, MessagePackSerializerOptions options) { }
                public static T Deserialize<T>(ReadOnlyMemory<byte> body, MessagePackSerializerOptions options, out int read) { read = 0; return default!; }
            }
        }
        namespace MessagePack.Resolvers
        {
            public static class ContractlessStandardResolver { public static MessagePackSerializerOptions Options => MessagePackSerializerOptions.Standard; }
        }
        """;

    private static readonly ImmutableArray<MetadataReference> References =
        [.. ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(':').Select(path => MetadataReference.CreateFromFile(path))];

    /// <summary>Reads the C# blocks of a document.</summary>
    public static List<string> Of(string document) =>
        [.. Documents.Read(document).Split("\n```csharp\n").Skip(1).Select(block => block.Split("\n```")[0])];

    /// <summary>Compiles a block.</summary>
    /// <param name="block">The block.</param>
    /// <param name="others">Other blocks of the document, whose types it may use.</param>
    /// <param name="isWhole">True when the block is a whole program, which gets nothing but the implicit usings.</param>
    /// <returns>The errors.</returns>
    public static List<string> Compile(string block, IEnumerable<string> others, bool isWhole)
    {
        var root = Parse(block);
        var own = TypesOf(root).Keys;
        var types = others.SelectMany(other => TypesOf(Parse(other)))
            .Where(type => !own.Contains(type.Key)).DistinctBy(type => type.Key).Select(type => type.Value.ToFullString());
        var usings = others.SelectMany(other => Parse(other).Usings).Select(directive => directive.ToFullString()).Distinct();
        string[] files = isWhole ? [block, WebUsings] : [block, WebUsings, Given, string.Concat(usings) + string.Join('\n', types)];
        var kind = root.Members.Any(member => member is GlobalStatementSyntax) ? OutputKind.ConsoleApplication : OutputKind.DynamicallyLinkedLibrary;
        var options = new CSharpParseOptions(LanguageVersion.Preview);
        var compilation = CSharpCompilation.Create(
            "Snippet",
            files.Select(file => CSharpSyntaxTree.ParseText(file, options)),
            References,
            new CSharpCompilationOptions(kind, nullableContextOptions: NullableContextOptions.Enable, allowUnsafe: true));
        CSharpGeneratorDriver.Create([new MessageGenerator().AsSourceGenerator()], parseOptions: options)
            .RunGeneratorsAndUpdateCompilation(compilation, out var updated, out var generation);
        return [.. updated.GetDiagnostics().Concat(generation).Where(problem => problem.Severity == DiagnosticSeverity.Error).Select(problem => problem.ToString()).Distinct()];
    }

    private static CompilationUnitSyntax Parse(string text) => CSharpSyntaxTree.ParseText(text).GetCompilationUnitRoot();

    private static Dictionary<string, MemberDeclarationSyntax> TypesOf(CompilationUnitSyntax root) =>
        root.Members.OfType<BaseTypeDeclarationSyntax>().DistinctBy(type => type.Identifier.Text)
            .ToDictionary(type => type.Identifier.Text, MemberDeclarationSyntax (type) => type);
}
