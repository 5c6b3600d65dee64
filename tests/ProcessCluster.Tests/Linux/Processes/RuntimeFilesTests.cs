using System.Net.Sockets;
using ProcessCluster.Linux.Processes;

namespace ProcessCluster.Tests.Linux.Processes;

public sealed class RuntimeFilesTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("pc-files-").FullName;

    [Fact]
    public void The_socket_of_a_process_is_removed_and_no_other_kind_of_file()
    {
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        var own = Path.Combine(_folder, "dotnet-diagnostic-7-99-socket");
        socket.Bind(new UnixDomainSocketEndPoint(own));
        var text = Path.Combine(_folder, "clr-debug-pipe-7-99-in");
        File.WriteAllText(text, "somebody's");
        new RuntimeFiles(7, 99, _folder).Remove();
        Assert.False(File.Exists(own));
        Assert.True(File.Exists(text));
    }

    [Fact]
    public void A_link_is_neither_followed_nor_removed()
    {
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        var target = Path.Combine(_folder, "target");
        socket.Bind(new UnixDomainSocketEndPoint(target));
        var link = Path.Combine(_folder, "dotnet-diagnostic-7-99-socket");
        File.CreateSymbolicLink(link, target);
        new RuntimeFiles(7, 99, _folder).Remove();
        Assert.True(File.Exists(target));
        Assert.NotNull(new FileInfo(link).LinkTarget);
    }

    [Fact]
    public void A_process_that_got_the_same_number_later_keeps_its_files()
    {
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        var later = Path.Combine(_folder, "dotnet-diagnostic-7-100-socket");
        socket.Bind(new UnixDomainSocketEndPoint(later));
        new RuntimeFiles(7, 99, _folder).Remove();
        Assert.True(File.Exists(later));
    }

    [Fact]
    public void Where_the_start_is_not_known_nothing_is()
    {
        var files = new RuntimeFiles(7, null, _folder);
        files.Remove();
        Assert.Null(files.DiagnosticSocket);
    }

    [Fact]
    public void This_process_is_known_by_its_start_and_its_folder()
    {
        var files = RuntimeFiles.Of(Environment.ProcessId, new Dictionary<string, string> { ["TMPDIR"] = Path.GetTempPath() });
        Assert.True(File.Exists(files.DiagnosticSocket));
        Assert.Equal("/tmp/", RuntimeFiles.Of(Environment.ProcessId, new Dictionary<string, string>()).Folder);
    }

    [Fact]
    public async Task The_runtime_of_another_process_than_the_one_that_listens_is_not_asked()
    {
        var files = RuntimeFiles.Of(Environment.ProcessId, new Dictionary<string, string> { ["TMPDIR"] = Path.GetTempPath() });
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        await DiagnosticPort.PingAsync(Environment.ProcessId, files.DiagnosticSocket!, deadline.Token);
        var failure = await Assert.ThrowsAsync<IOException>(() => DiagnosticPort.PingAsync(1, files.DiagnosticSocket!, deadline.Token));
        Assert.Contains("is not the socket of process 1", failure.Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<IOException>(() => DiagnosticPort.PingAsync(1, Path.Combine(_folder, "nothing"), deadline.Token));
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);
}
