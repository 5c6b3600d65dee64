using ProcessCluster.Platform;

namespace ProcessCluster.Tests.Platform;

public sealed class OutOfMemoryKillsTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("pc-oom-").FullName;

    [Fact]
    public void Each_kill_is_taken_once_and_those_before_the_start_never()
    {
        var events = Write("memory.events", "low 0\noom 9\noom_kill 3\noom_group_kill 0\n");
        var kills = new OutOfMemoryKills(events);
        Assert.False(kills.TryTake());
        File.WriteAllText(events, "oom 9\noom_kill 5\n");
        Assert.True(kills.TryTake());
        Assert.True(kills.TryTake());
        Assert.False(kills.TryTake());
        File.Delete(events);
        Assert.False(kills.TryTake());
    }

    [Theory]
    [InlineData("0::/app\n", "app/memory.events")]
    [InlineData("0::/../other\n", "memory.events")] // As seen from inside a container.
    [InlineData("12:cpu,cpuacct:/a\n5:memory:/app\n0::/\n", "memory/app/memory.oom_control")]
    [InlineData("5:memory:/not/here\n", "memory/memory.oom_control")]
    public void The_group_s_file_is_found_in_both_versions_of_control_groups(string groups, string file)
    {
        var expected = Write(file, "oom_kill 0\n");
        Assert.Equal(Path.GetFullPath(expected), Path.GetFullPath(OutOfMemoryKills.Find(Write("groups", groups), _folder)!));
    }

    [Fact]
    public void Without_control_groups_nothing_is_known()
    {
        Assert.Null(OutOfMemoryKills.Find(Path.Combine(_folder, "none"), _folder));
        Assert.Null(OutOfMemoryKills.Find(Write("groups", "0::/app\nnonsense\n"), _folder));
        Assert.False(new OutOfMemoryKills(null).TryTake());
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private string Write(string name, string text)
    {
        var path = Path.Combine(_folder, name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, text);
        return path;
    }
}
