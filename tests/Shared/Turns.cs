using System.Diagnostics;
using System.Reflection;
using Xunit.Sdk;

namespace ProcessCluster.Testing;

/// <summary>A test that holds to times: while it runs, the tests of other assemblies (<c>dotnet test -m</c>) wait.</summary>
[AttributeUsage(AttributeTargets.Class | AttributeTargets.Method)]
internal sealed class MeasuresTimeAttribute : Attribute;

/// <summary>
/// Whose turn it is, where several assemblies are tested at once: of those that <see cref="MeasuresTimeAttribute">measure time</see> one runs alone, of the others each beside the others.
/// The system's locks of two files say it, which nobody has any more when a process has ended.
/// </summary>
[AttributeUsage(AttributeTargets.Assembly)]
internal sealed class TurnsAttribute : BeforeAfterTestAttribute
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(10);

    private FileStream? _turn;

    public override void Before(MethodInfo methodUnderTest)
    {
        var measures = methodUnderTest.IsDefined(typeof(MeasuresTimeAttribute)) || methodUnderTest.DeclaringType!.IsDefined(typeof(MeasuresTimeAttribute));
        // Through the door one after another: who waits for all others to be done keeps the next ones out.
        using var door = Lock("tests.door", FileShare.None);
        _turn = Lock("tests.turn", measures ? FileShare.None : FileShare.Read);
    }

    public override void After(MethodInfo methodUnderTest) => _turn?.Dispose();

    private static FileStream Lock(string name, FileShare share)
    {
        var path = Path.Combine(TestPaths.Repository, "tests", "ProcessCluster.TestApp", "obj", name); // Not beside the program, which tests copy.
        for (var since = Stopwatch.StartNew(); ; Thread.Sleep(10))
        {
            try
            {
                return new FileStream(path, FileMode.OpenOrCreate, FileAccess.Read, share);
            }
            catch (IOException) when (since.Elapsed < Patience)
            {
                // Another process has it.
            }
        }
    }
}
