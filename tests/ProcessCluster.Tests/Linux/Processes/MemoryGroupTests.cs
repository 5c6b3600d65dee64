using ProcessCluster.Linux.Processes;

namespace ProcessCluster.Tests.Linux.Processes;

public sealed class MemoryGroupTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("pc-oom-").FullName;

    [Fact]
    public void Each_kill_is_taken_once_and_those_before_the_start_never()
    {
        var events = Write("memory.events", "low 0\noom 9\noom_kill 3\noom_group_kill 0\n");
        var group = new MemoryGroup(_folder);
        Assert.False(group.TryTakeKill());
        File.WriteAllText(events, "oom 9\noom_kill 5\n");
        Assert.True(group.TryTakeKill());
        Assert.True(group.TryTakeKill());
        Assert.False(group.TryTakeKill());
        File.Delete(events);
        Assert.False(group.TryTakeKill());
    }

    [Theory]
    [InlineData("memory.max", "max\n", null)]
    [InlineData("memory.max", "536870912\n", 536870912L)]
    [InlineData("memory.limit_in_bytes", "536870912\n", 536870912L)]
    [InlineData("memory.limit_in_bytes", "9223372036854771712\n", 9223372036854771712L)] // What version 1 says for none.
    public void The_group_has_a_limit_or_none(string file, string text, long? limit)
    {
        Write(file, text);
        var group = new MemoryGroup(_folder);
        Assert.Equal(limit, group.Limit());
        Assert.Equal(limit is < 1L << 40, group.IsLimited);
    }

    [Theory]
    [InlineData("0::/app\n", "app/memory.events")]
    [InlineData("0::/../other\n", "memory.events")] // As seen from inside a container.
    [InlineData("12:cpu,cpuacct:/a\n5:memory:/app\n0::/\n", "memory/app/memory.oom_control")]
    [InlineData("5:memory:/not/here\n", "memory/memory.oom_control")]
    public void The_group_s_file_is_found_in_both_versions_of_control_groups(string groups, string file)
    {
        var expected = Write(file, "oom_kill 0\n");
        Assert.Equal(Path.GetDirectoryName(Path.GetFullPath(expected)), Path.GetFullPath(MemoryGroup.Find(Write("groups", groups), _folder)!).TrimEnd('/'));
    }

    [Fact]
    public void Without_control_groups_nothing_is_known()
    {
        Assert.Null(MemoryGroup.Find(Path.Combine(_folder, "none"), _folder));
        Assert.Null(MemoryGroup.Find(Write("groups", "0::/app\nnonsense\n"), _folder));
        Assert.False(new MemoryGroup(null).TryTakeKill());
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
