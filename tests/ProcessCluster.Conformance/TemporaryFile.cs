namespace ProcessCluster.Conformance;

/// <summary>A path in a folder of its own, which goes with it.</summary>
internal sealed class TemporaryFile(string name) : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("pc-conf-");

    public string Folder => _folder.FullName;

    public string Path => System.IO.Path.Combine(Folder, name);

    public void Dispose() => _folder.Delete(recursive: true);
}
