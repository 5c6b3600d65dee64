using ProcessCluster.Linux.Interop;

namespace ProcessCluster.Tests.Primary.Handoff;

/// <summary>A file that nobody else has: its copies can be counted.</summary>
internal sealed unsafe class NamedFile : IDisposable
{
    private readonly string _name = Path.GetRandomFileName();
    private readonly Descriptor _file;

    public NamedFile()
    {
        _file = new Descriptor(Libc.memfd_create(_name, Libc.MFD_CLOEXEC));
        Assert.False(_file.IsInvalid);
    }

    public int Number => _file.Number;

    public int Copies => new DirectoryInfo("/proc/self/fd").EnumerateFiles().Count(file => IsNamed(file.LinkTarget));

    public bool IsCopy(int descriptor) => IsNamed(new FileInfo($"/proc/self/fd/{descriptor}").LinkTarget);

    public void Dispose() => _file.Dispose();

    private bool IsNamed(string? target) => target?.StartsWith($"/memfd:{_name} ", StringComparison.Ordinal) == true;
}
