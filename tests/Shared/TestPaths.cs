namespace ProcessCluster.Testing;

/// <summary>Where things are, from where the tests run.</summary>
public static class TestPaths
{
    /// <summary>The folder of the solution.</summary>
    public static string Repository { get; } = FindRepository();

    /// <summary>Debug or Release: as the tests themselves.</summary>
    public static string Configuration { get; } = new DirectoryInfo(AppContext.BaseDirectory).Parent!.Name;

    /// <summary>The app host of the test program.</summary>
    public static string TestApp { get; } = Built("tests/ProcessCluster.TestApp");

    /// <summary>The app host that a project builds.</summary>
    public static string Built(string project) =>
        Path.Combine(Repository, project, "bin", Configuration, "net10.0", Path.GetFileName(project));

    private static string FindRepository()
    {
        var directory = new DirectoryInfo(AppContext.BaseDirectory);
        while (directory is not null && !File.Exists(Path.Combine(directory.FullName, "ProcessCluster.sln")))
            directory = directory.Parent;
        return directory?.FullName ?? throw new InvalidOperationException("The tests do not run from within the repository.");
    }
}
